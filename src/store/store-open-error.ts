/** A store that cannot be opened, for a reason that the user can do something about. The text is a sentence for them. */
export class StoreOpenError extends Error {
  override readonly name = 'StoreOpenError'
}
