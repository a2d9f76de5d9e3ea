// The cases of the benchmark: what the load generator is told, which figures count, and what they must reach.
import { budgets } from './cases/budgets.js'
import { growth } from './cases/growth.js'
import { patterns } from './cases/patterns.js'
import { routing } from './cases/routing.js'
import { rules } from './cases/rules.js'
import { shapes } from './cases/shapes.js'
import { stores } from './cases/stores.js'

/**
 * A case. `storage` is what a broker that we start ourselves runs on; `load` are arguments of the load generator, run once;
 * `special` names another procedure in procedures.js.
 * @typedef {object} Case
 * @property {string} name
 * @property {string} title
 * @property {('quick' | 'full')[]} [sets] - the runs that take it; only the full one when it does not say
 * @property {'memory' | 'disk'} storage
 * @property {string[]} [load]
 * @property {'deep' | 'stream' | 'recover' | 'start' | 'idle' | 'time'} [special]
 * @property {{ plot: string, x: number }} [growth] - it is one point of a plot: processor time a message over `x`
 * @property {boolean} [isOursOnly] - other brokers are not asked
 * @property {boolean} [isOnce] - it is long, and runs in the first round only
 * @property {import('./cases/figures.js').Figure[]} figures
 */

/** @type {Case[]} */
export const cases = [...budgets, ...shapes, ...routing, ...patterns, ...rules, ...stores, ...growth]
