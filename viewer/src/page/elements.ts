/** The element of the page with an id; the page and this program are built together, so it is there. */
export function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return found;
}

/** The first element below a node that a selector finds. */
export function within<T extends HTMLElement>(node: ParentNode, selector: string, kind: new () => T): T {
  const found = node.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} ${selector}`);
  return found;
}
