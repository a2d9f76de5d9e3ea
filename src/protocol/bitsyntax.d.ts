/** The part of the package `bitsyntax` that the frame layouts use; it brings no types of its own. */
declare module 'bitsyntax' {
  /**
   * Compiles a pattern. The matcher answers `false` unless the octets match from the first to the last.
   *
   * @typeParam Match the named segments of the pattern: an integer is a number, a binary a view of the octets. Whoever
   * writes the pattern vouches for it.
   */
  export function matcher<Match>(pattern: string): (octets: Buffer) => false | Match
}
