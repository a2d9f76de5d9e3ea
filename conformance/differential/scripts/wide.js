/** Random scripts that say also what makes no sense, each by its seed. */

import { widelyGenerated } from '../wide-generator.js'

const ONLY_4_3 = ['4.3']

export const scripts = [
  ...widelyGenerated('declares', { seeds: 25, on: ONLY_4_3 }),
  ...widelyGenerated('exchanges', { seeds: 20 }),
  ...widelyGenerated('lifetimes', { seeds: 20 }),
  ...widelyGenerated('transactions', { seeds: 20 }),
  ...widelyGenerated('headers', { seeds: 15, on: ONLY_4_3 }),
  ...widelyGenerated('consumers', { seeds: 20, on: ONLY_4_3 }),
  ...widelyGenerated('noWait', { seeds: 15 }),
  ...widelyGenerated('deaths', { seeds: 20, on: ONLY_4_3 }),
]
