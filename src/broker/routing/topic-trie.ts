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
 */

import type { ByteString } from '../../base/byte-string.js'
import type { FieldTable } from '../../protocol/field-table.js'
import { DestinationBag } from './destination-bag.js'
import type { RoutedMessage, RoutingTable } from './routing-table.js'

/** The binding-key word that stands for exactly one word, which may be empty. */
const ONE_WORD = '*'

/** The binding-key word that stands for any number of words, none included. */
const MANY_WORDS = '#'

/** Matches word patterns. AMQP 0-9-1, the topic exchange type. Only whole words are wildcards: `a*` is a literal. */
export class TopicTrie<Destination> implements RoutingTable<Destination> {
  readonly dependsOnKeyAlone = true
  readonly #root = new TrieNode<Destination>(false)
  /** Names one word of one match; nodes carry the step they were last reached in. */
  #step = 0

  /** How many nodes the trie holds memory for, the root not counted. */
  get nodeCount(): number {
    let count = -1
    const unseen = [this.#root]
    for (let node = unseen.pop(); node !== undefined; node = unseen.pop()) {
      count++
      for (const child of node.children()) unseen.push(child)
    }
    return count
  }

  add(bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    let node = this.#root
    for (const word of wordsOf(bindingKey)) node = node.child(word) ?? node.addChild(word)
    node.destinations ??= new DestinationBag()
    node.destinations.add(destination)
  }

  remove(bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    const edges: { parent: TrieNode<Destination>; word: ByteString }[] = []
    let node = this.#root
    for (const word of wordsOf(bindingKey)) {
      const child = node.child(word)
      if (child === undefined) return
      edges.push({ parent: node, word })
      node = child
    }
    node.destinations?.remove(destination)
    if (node.destinations?.isEmpty) node.destinations = undefined
    for (let edge = edges.pop(); edge !== undefined && node.isUnused; edge = edges.pop()) {
      edge.parent.dropChild(edge.word)
      node = edge.parent
    }
  }

  match({ routingKeys }: RoutedMessage, visit: (destination: Destination) => void): void {
    for (const routingKey of routingKeys) this.#matchKey(routingKey, visit)
  }

  #matchKey(routingKey: ByteString, visit: (destination: Destination) => void): void {
    let reached: TrieNode<Destination>[] = []
    let next: TrieNode<Destination>[] = []
    this.#step++
    this.#reach(this.#root, reached)
    // The empty key has no word rather than one empty word, hence the start beyond its end.
    let start = routingKey === '' ? 1 : 0
    while (start <= routingKey.length && reached.length > 0) {
      const dot = routingKey.indexOf('.', start)
      const end = dot === -1 ? routingKey.length : dot
      this.#advance(reached, routingKey.slice(start, end), next)
      ;[reached, next] = [next, reached]
      next.length = 0
      start = end + 1
    }
    // Only now that the steps are done: a visit may start another match on this trie.
    for (const node of reached) node.destinations?.visitAll(visit)
  }

  /** Adds to `next` what `word` leads to from the `reached` nodes. */
  #advance(reached: readonly TrieNode<Destination>[], word: ByteString, next: TrieNode<Destination>[]): void {
    this.#step++
    for (const node of reached) {
      if (node.isManyWords) this.#reach(node, next)
      const literal = node.literals?.get(word)
      if (literal !== undefined) this.#reach(literal, next)
      if (node.oneWord !== undefined) this.#reach(node.oneWord, next)
    }
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

class TrieNode<Destination> {
  /** Whether this is the `#` child of its parent, so that it stays reached by any further word. */
  readonly isManyWords: boolean
  literals: Map<ByteString, TrieNode<Destination>> | undefined = undefined
  oneWord: TrieNode<Destination> | undefined = undefined
  manyWords: TrieNode<Destination> | undefined = undefined
  /** Of the bindings whose key ends here. */
  destinations: DestinationBag<Destination> | undefined = undefined
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

  *children(): Iterable<TrieNode<Destination>> {
    if (this.literals !== undefined) yield* this.literals.values()
    if (this.oneWord !== undefined) yield this.oneWord
    if (this.manyWords !== undefined) yield this.manyWords
  }

  child(word: ByteString): TrieNode<Destination> | undefined {
    if (word === ONE_WORD) return this.oneWord
    if (word === MANY_WORDS) return this.manyWords
    return this.literals?.get(word)
  }

  addChild(word: ByteString): TrieNode<Destination> {
    const child = new TrieNode<Destination>(word === MANY_WORDS)
    if (word === ONE_WORD) this.oneWord = child
    else if (word === MANY_WORDS) this.manyWords = child
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

/** How many words of a binding key are `#`. RabbitMQ limits them since 4.3. */
export function countManyWords(bindingKey: ByteString): number {
  return wordsOf(bindingKey).filter((word) => word === MANY_WORDS).length
}

function wordsOf(key: ByteString): ByteString[] {
  return key === '' ? [] : key.split('.')
}
