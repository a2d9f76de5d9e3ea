import {
  complementOf,
  escapedClasses,
  foldedCase,
  type OctetSet,
  octetSet,
  posixClasses,
  unionOf,
} from './octet-set.js'
import type { PatternCursor } from './pattern-cursor.js'

/**
 * Reads a bracket class, the opening bracket of which has been taken, and its closing bracket.
 * @throws InvalidPatternError when it is malformed.
 */
export function parseBracketClass(cursor: PatternCursor, isCaseless: boolean): OctetSet {
  const isNegated = cursor.take('^')
  const members: OctetSet[] = []
  // A closing bracket that comes first is a member.
  if (cursor.take(']')) members.push(rangeFrom(cursor, 0x5d))
  while (!cursor.take(']')) {
    if (cursor.isAtEnd) cursor.refuse("a '[' has no ']'")
    members.push(readMember(cursor))
  }
  const union = unionOf(members)
  const set = isCaseless ? foldedCase(union) : union
  return isNegated ? complementOf(set) : set
}

/** Reads one octet, range, or class within the brackets. */
function readMember(cursor: PatternCursor): OctetSet {
  const posix = cursor.takeMatch(/\[:\^?[a-z]*:\]/y)
  if (posix !== undefined) return posixClass(cursor, posix.slice(2, -2))
  if (cursor.takeMatch(/\[([.=]).*?\1\]/y) !== undefined) cursor.refuse('collating elements are not supported')
  const first = readOctetOrClass(cursor)
  return typeof first === 'number' ? rangeFrom(cursor, first) : withoutRange(cursor, first)
}

/** The range that starts with `first`, or `first` alone where none follows. */
function rangeFrom(cursor: PatternCursor, first: number): OctetSet {
  if (!cursor.isAt('-') || cursor.isAt('-]')) return octetSet((octet) => octet === first)
  cursor.take('-')
  const last = readOctetOrClass(cursor)
  if (typeof last !== 'number') cursor.refuse('a range ends with a class')
  if (last < first) cursor.refuse('a range is out of order')
  return octetSet((octet) => octet >= first && octet <= last)
}

/** A class is no start of a range, as in PCRE2. */
function withoutRange(cursor: PatternCursor, set: OctetSet): OctetSet {
  if (cursor.isAt('-') && !cursor.isAt('-]')) cursor.refuse('a range starts with a class')
  return set
}

function readOctetOrClass(cursor: PatternCursor): number | OctetSet {
  if (!cursor.take('\\')) return cursor.takeOctet()
  const set = escapedClasses.get(cursor.next)
  if (set !== undefined) {
    cursor.takeAny()
    return set
  }
  if (cursor.take('b')) return 0x08
  const octal = cursor.takeMatch(/[0-7]{1,3}/y)
  if (octal === undefined) return cursor.takeEscapedOctet()
  const octet = Number.parseInt(octal, 8)
  return octet > 0xff ? cursor.refuse(`\\${octal} is more than an octet`) : octet
}

function posixClass(cursor: PatternCursor, name: string): OctetSet {
  const isNegated = name.startsWith('^')
  const set = posixClasses.get(isNegated ? name.slice(1) : name)
  if (set === undefined) return cursor.refuse(`there is no POSIX class '${name}'`)
  return isNegated ? complementOf(set) : set
}
