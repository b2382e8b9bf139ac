/** A file is damaged, cut short, of a version that is not known here, or not ours. The text is meant for the user. */
export class UnreadableFile extends Error {
  override name = "UnreadableFile";
}

/** A face was encoded with other weights than those at hand. */
export class OtherWeights extends UnreadableFile {
  override name = "OtherWeights";
}
