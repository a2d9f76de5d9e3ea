/**
 * Sets of octets, as character classes of a pattern need them.
 *
 * Which octets are letters, spaces and so on is the ISO 8859-1 table: RabbitMQ matches bytes with a PCRE that was built
 * with that table, so that `\w` takes 0xE9, which is half of a letter in UTF-8. A pattern means here what it means there.
 */

/** One entry an octet: 1 when the octet is a member. */
export type OctetSet = Readonly<Uint8Array>

/** The octets for which `isMember` holds. */
export function octetSet(isMember: (octet: number) => boolean): OctetSet {
  return Uint8Array.from({ length: 256 }, (_, octet) => (isMember(octet) ? 1 : 0))
}

/** What is in any of `sets`. */
export function unionOf(sets: readonly OctetSet[]): OctetSet {
  return octetSet((octet) => sets.some((set) => set[octet] === 1))
}

/** What is not in `set`. */
export function complementOf(set: OctetSet): OctetSet {
  return octetSet((octet) => set[octet] === 0)
}

/** `set` with the other case of each of its letters. */
export function foldedCase(set: OctetSet): OctetSet {
  return octetSet((octet) => set[octet] === 1 || set[otherCaseOf(octet)] === 1)
}

/** The same letter in the other case, or the octet itself where there is none. */
export function otherCaseOf(octet: number): number {
  if (isUpper(octet)) return octet + 0x20
  const upper = octet - 0x20
  return isUpper(upper) ? upper : octet
}

const isBetween = (octet: number, first: number, last: number) => octet >= first && octet <= last
const isDigit = (octet: number) => isBetween(octet, 0x30, 0x39)
const isUpper = (octet: number) => isBetween(octet, 0x41, 0x5a) || (isBetween(octet, 0xc0, 0xde) && octet !== 0xd7)
const isLower = (octet: number) =>
  isBetween(octet, 0x61, 0x7a) || octet === 0xb5 || (isBetween(octet, 0xdf, 0xff) && octet !== 0xf7)
// The two ordinal indicators of Spanish are letters of neither case.
const isLetter = (octet: number) => isUpper(octet) || isLower(octet) || octet === 0xaa || octet === 0xba
const isSpace = (octet: number) => isBetween(octet, 0x09, 0x0d) || octet === 0x20 || octet === 0x85 || octet === 0xa0
const isControl = (octet: number) => octet < 0x20 || isBetween(octet, 0x7f, 0x9f)
const isGraphic = (octet: number) => !isControl(octet) && octet !== 0x20 && octet !== 0xa0
const isWord = (octet: number) => isLetter(octet) || isDigit(octet) || octet === 0x5f

const digits = octetSet(isDigit)
const spaces = octetSet(isSpace)
const blanks = octetSet((octet) => octet === 0x09 || octet === 0x20 || octet === 0xa0)
const lineBreaks = octetSet((octet) => isBetween(octet, 0x0a, 0x0d) || octet === 0x85)

/** The members of `\w`: what a word is made of for `\b`, too. */
export const wordOctets = octetSet(isWord)

/** The octets that `.` matches unless `(?s)` is on: all but the line feed. */
export const allButLineFeed = octetSet((octet) => octet !== 0x0a)

export const allOctets = octetSet(() => true)

/** The classes that a backslash and a letter stand for. */
export const escapedClasses: ReadonlyMap<string, OctetSet> = new Map([
  ['d', digits],
  ['D', complementOf(digits)],
  ['w', wordOctets],
  ['W', complementOf(wordOctets)],
  ['s', spaces],
  ['S', complementOf(spaces)],
  ['h', blanks],
  ['H', complementOf(blanks)],
  ['v', lineBreaks],
  ['V', complementOf(lineBreaks)],
])

/** The classes that are written `[:name:]` inside brackets. */
export const posixClasses: ReadonlyMap<string, OctetSet> = new Map([
  ['alnum', octetSet((octet) => isLetter(octet) || isDigit(octet))],
  ['alpha', octetSet(isLetter)],
  ['ascii', octetSet((octet) => octet < 0x80)],
  ['blank', octetSet((octet) => octet === 0x09 || octet === 0x20)],
  ['cntrl', octetSet(isControl)],
  ['digit', digits],
  ['graph', octetSet(isGraphic)],
  ['lower', octetSet(isLower)],
  ['print', octetSet((octet) => !isControl(octet))],
  ['punct', octetSet((octet) => isGraphic(octet) && !isLetter(octet) && !isDigit(octet))],
  ['space', spaces],
  ['upper', octetSet(isUpper)],
  ['word', wordOctets],
  ['xdigit', octetSet((octet) => isDigit(octet) || isBetween(octet | 0x20, 0x61, 0x66))],
])
