document.documentElement.classList.add("live");
for (const slider of document.querySelectorAll(".slider input")) {
  const follow = () => slider.closest(".comparison").style.setProperty("--split", slider.value + "%");
  slider.addEventListener("input", follow);
  follow();
}
