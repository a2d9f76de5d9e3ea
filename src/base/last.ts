/**
 * The last element of a list; undefined when there is none.
 *
 * To be used instead of `list[list.length - 1]` where the list is often empty: an index of -1 is the name of a property
 * to V8, which makes a string of it and looks it up, more slowly than all else that a message needs.
 */
export function lastOf<T>(list: readonly T[]): T | undefined {
  return list.length === 0 ? undefined : list[list.length - 1]
}
