/**
 * The bindings of a topic exchange as a trie over the words of their keys.
 *
 *     a.*.c   a.#   #.c          root ─a─▶ ○ ─*─▶ ○ ─c─▶ ●      ● has destinations
 *                                 │        └─#─▶ ●
 *                                 └─#─▶ ○ ─c─▶ ●
 *
 * A routing key is matched word by word against the set of all nodes that the words so far can reach, as one runs a
 * nondeterministic automaton. A node enters the set once per word, however many ways lead to it: so `#.#.#.#.a` costs
 * no more than its nodes times the words of the key, nothing recurses, and a word is one map look-up in a node however
 * many bindings there are.
 *
 * Where only one binding key goes on, the trie ends in a leaf with the rest of that key: most of a million keys share
 * their first words with others and none of their last. What the rest matches must need no trying, so that a `#` in it
 * can be its last word only.
 */

import type { ByteString } from '../../base/byte-string.js'
import type { FieldTable } from '../../protocol/field-table.js'
import { type Held, holdingAlso, holdingNoMore, visitHeld } from './destination-bag.js'
import type { RoutedMessage, RoutingTable } from './routing-table.js'

/** The binding-key word that stands for exactly one word, which may be empty. */
const ONE_WORD = '*'

/** The binding-key word that stands for any number of words, none included. */
const MANY_WORDS = '#'

const DOT = 0x2e

/** Matches word patterns. AMQP 0-9-1, the topic exchange type. Only whole words are wildcards: `a*` is a literal. */
export class TopicTrie<Destination> implements RoutingTable<Destination> {
  readonly dependsOnKeyAlone = true
  readonly #root = new TrieNode<Destination>(false)
  /** Names one word of one match; nodes carry the step they were last reached in. */
  #step = 0
  /** The first step of this match, and the leaves that it has come to. */
  #firstStep = 0
  #leaves: TrieLeaf<Destination>[] = []

  /** How many nodes and leaves the trie holds memory for, the root not counted. */
  get nodeCount(): number {
    let count = -1
    const unseen: Branch<Destination>[] = [this.#root]
    for (let branch = unseen.pop(); branch !== undefined; branch = unseen.pop()) {
      count++
      if (branch instanceof TrieNode) for (const child of branch.children()) unseen.push(child)
    }
    return count
  }

  add(bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    const words = wordsOf(bindingKey)
    let node = this.#root
    let offset = 0
    for (const [index, word] of words.entries()) {
      offset += word.length + 1
      const child = node.child(word)
      if (child === undefined && endsInLeaf(words, index)) {
        node.setChild(word, new TrieLeaf(bindingKey, offset, destination))
        return
      }
      if (child instanceof TrieLeaf && child.key === bindingKey) {
        child.destinations = holdingAlso(child.destinations, destination)
        return
      }
      node = child instanceof TrieNode ? child : node.setChild(word, nodeInPlaceOf(child, word))
    }
    node.destinations = holdingAlso(node.destinations, destination)
  }

  remove(bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    const edges: { parent: TrieNode<Destination>; word: ByteString }[] = []
    let branch: Branch<Destination> = this.#root
    for (const word of wordsOf(bindingKey)) {
      if (branch instanceof TrieLeaf) break
      const child: Branch<Destination> | undefined = branch.child(word)
      if (child === undefined) return
      edges.push({ parent: branch, word })
      branch = child
    }
    if (branch instanceof TrieLeaf && branch.key !== bindingKey) return
    branch.destinations = holdingNoMore(branch.destinations, destination)
    for (let edge = edges.pop(); edge !== undefined && branch.isUnused; edge = edges.pop()) {
      edge.parent.dropChild(edge.word)
      branch = edge.parent
    }
  }

  match({ routingKeys }: RoutedMessage, visit: (destination: Destination) => void): void {
    for (const routingKey of routingKeys) this.#matchKey(routingKey, visit)
  }

  #matchKey(routingKey: ByteString, visit: (destination: Destination) => void): void {
    let reached: TrieNode<Destination>[] = []
    let next: TrieNode<Destination>[] = []
    this.#firstStep = ++this.#step
    this.#reach(this.#root, reached)
    // The empty key has no word rather than one empty word, hence the start beyond its end.
    let start = routingKey === '' ? 1 : 0
    while (start <= routingKey.length && reached.length > 0) {
      const end = endOfWord(routingKey, start)
      const word = routingKey.slice(start, end)
      this.#step++
      for (const node of reached) {
        if (node.isManyWords) this.#reach(node, next)
        this.#enter(node.literals?.get(word), routingKey, end + 1, next)
        this.#enter(node.oneWord, routingKey, end + 1, next)
      }
      ;[reached, next] = [next, reached]
      next.length = 0
      start = end + 1
    }
    // Only now that the steps are done: a visit may start another match on this trie.
    for (const leaf of this.#takeLeaves()) visitHeld(leaf.destinations, visit)
    for (const node of reached) visitHeld(node.destinations, visit)
  }

  /** Notes what a word leads to: a node in `next`, a leaf if it matches the words of the key from `rest` on. */
  #enter(
    branch: Branch<Destination> | undefined,
    routingKey: ByteString,
    rest: number,
    next: TrieNode<Destination>[],
  ): void {
    if (branch === undefined) return
    if (branch instanceof TrieNode) this.#reach(branch, next)
    else if (branch.foundInStep < this.#firstStep && matchesRest(branch.key, branch.offset, routingKey, rest)) {
      branch.foundInStep = this.#firstStep
      this.#leaves.push(branch)
    }
  }

  #takeLeaves(): readonly TrieLeaf<Destination>[] {
    const leaves = this.#leaves
    if (leaves.length > 0) this.#leaves = []
    return leaves
  }

  /** Adds to `into` the node and the `#` children that follow it without a word, unless this step has them already. */
  #reach(node: TrieNode<Destination>, into: TrieNode<Destination>[]): void {
    let reached: TrieNode<Destination> | undefined = node
    while (reached !== undefined && reached.reachedInStep !== this.#step) {
      reached.reachedInStep = this.#step
      into.push(reached)
      reached = reached.manyWords
    }
  }
}

type Branch<Destination> = TrieNode<Destination> | TrieLeaf<Destination>

/** Where only one binding key goes on. */
class TrieLeaf<Destination> {
  /** The whole key, and where the words begin that are not above the leaf: beyond its end when there are none. */
  readonly key: ByteString
  readonly offset: number
  destinations: Held<Destination> | undefined
  /** The first step of the match that has found it last. */
  foundInStep = 0

  constructor(key: ByteString, offset: number, destinations: Held<Destination> | undefined) {
    this.key = key
    this.offset = offset
    this.destinations = destinations
  }

  get isUnused(): boolean {
    return this.destinations === undefined
  }
}

class TrieNode<Destination> {
  /** Whether this is the `#` child of its parent, so that it stays reached by any further word. */
  readonly isManyWords: boolean
  literals: Map<ByteString, Branch<Destination>> | undefined = undefined
  oneWord: Branch<Destination> | undefined = undefined
  manyWords: TrieNode<Destination> | undefined = undefined
  /** Of the bindings whose key ends here. */
  destinations: Held<Destination> | undefined = undefined
  reachedInStep = 0

  constructor(isManyWords: boolean) {
    this.isManyWords = isManyWords
  }

  get isUnused(): boolean {
    return (
      this.destinations === undefined &&
      this.literals === undefined &&
      this.oneWord === undefined &&
      this.manyWords === undefined
    )
  }

  *children(): Iterable<Branch<Destination>> {
    if (this.literals !== undefined) yield* this.literals.values()
    if (this.oneWord !== undefined) yield this.oneWord
    if (this.manyWords !== undefined) yield this.manyWords
  }

  child(word: ByteString): Branch<Destination> | undefined {
    if (word === ONE_WORD) return this.oneWord
    if (word === MANY_WORDS) return this.manyWords
    return this.literals?.get(word)
  }

  /** Replaces the child that a word other than `#` leads to, or the one that `#` does by a node. @returns the child. */
  setChild<Child extends Branch<Destination>>(word: ByteString, child: Child): Child {
    if (word === ONE_WORD) this.oneWord = child
    else if (word === MANY_WORDS && child instanceof TrieNode) this.manyWords = child
    else {
      this.literals ??= new Map()
      this.literals.set(word, child)
    }
    return child
  }

  dropChild(word: ByteString): void {
    if (word === ONE_WORD) this.oneWord = undefined
    else if (word === MANY_WORDS) this.manyWords = undefined
    else {
      this.literals?.delete(word)
      if (this.literals?.size === 0) this.literals = undefined
    }
  }
}

/** A node that a word leads to, which continues where a leaf was before, if there was one. */
function nodeInPlaceOf<Destination>(leaf: TrieLeaf<Destination> | undefined, word: ByteString): TrieNode<Destination> {
  const node = new TrieNode<Destination>(word === MANY_WORDS)
  if (leaf === undefined) return node
  const { key, offset, destinations } = leaf
  if (offset > key.length) {
    node.destinations = destinations
    return node
  }
  const end = endOfWord(key, offset)
  const next = key.slice(offset, end)
  if (next === MANY_WORDS) node.setChild(next, new TrieNode<Destination>(true)).destinations = destinations
  else node.setChild(next, new TrieLeaf(key, end + 1, destinations))
  return node
}

/** Whether what follows the word at `index` can be the rest of a leaf that this word leads to. */
function endsInLeaf(words: readonly ByteString[], index: number): boolean {
  const inner = words.indexOf(MANY_WORDS, index)
  return inner === -1 || (inner === words.length - 1 && inner > index)
}

/**
 * Whether the words of a binding key from an offset on match those of a routing key; a `#` is the last of them. Character
 * by character: cutting the words out takes twice as long.
 */
function matchesRest(bindingKey: ByteString, offset: number, routingKey: ByteString, start: number): boolean {
  let at = start
  let from = offset
  while (from <= bindingKey.length) {
    if (isWordAt(bindingKey, from, MANY_WORDS)) return true
    if (at > routingKey.length) return false
    if (isWordAt(bindingKey, from, ONE_WORD)) {
      from += 2
      at = endOfWord(routingKey, at) + 1
      continue
    }
    for (; !isEndOfWord(bindingKey, from); from++, at++) {
      if (bindingKey.charCodeAt(from) !== routingKey.charCodeAt(at)) return false
    }
    if (!isEndOfWord(routingKey, at)) return false
    from++
    at++
  }
  return at > routingKey.length
}

function isWordAt(key: ByteString, start: number, wildcard: string): boolean {
  return key.charCodeAt(start) === wildcard.charCodeAt(0) && isEndOfWord(key, start + 1)
}

function isEndOfWord(key: ByteString, at: number): boolean {
  return at >= key.length || key.charCodeAt(at) === DOT
}

function endOfWord(key: ByteString, start: number): number {
  const dot = key.indexOf('.', start)
  return dot === -1 ? key.length : dot
}

/** How many words of a binding key are `#`. RabbitMQ limits them since 4.3. */
export function countManyWords(bindingKey: ByteString): number {
  return wordsOf(bindingKey).filter((word) => word === MANY_WORDS).length
}

function wordsOf(key: ByteString): ByteString[] {
  return key === '' ? [] : key.split('.')
}
