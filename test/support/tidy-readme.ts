/** The parts of the README that are made of the code, between a pair of HTML comments each. */

import { environmentName, OPTION_TABLE, type OptionRow, shownDefault } from '../../src/server/option-table.js'

/**
 * The table between `<!-- name -->` and `<!-- end of name -->`; undefined when the pair is not there. The formatter pads
 * the cells of a table, which says nothing, so the padding is taken out.
 */
export function readmeTable(readme: string, name: string): string | undefined {
  const [, after] = readme.split(`<!-- ${name} -->\n`)
  const table = after?.split(`<!-- end of ${name} -->`)[0]?.trim()
  return table
    ?.replaceAll(/ +\| */g, ' | ')
    .replaceAll(/ +$/gm, '')
    .replaceAll(/-{3,}/g, '---')
}

/** The table of options as the README shows it. */
export function optionTableMarkdown(): string {
  const head = [
    '| Flag, and `LEVERET_` variable | Key in the file | Default | What it sets |',
    '| --- | --- | --- | --- |',
  ]
  return [...head, ...OPTION_TABLE.map(line)].join('\n')
}

function line(row: OptionRow): string {
  const names = `\`--${row.flag}\`<br>\`${environmentName(row)}\``
  return `| ${names} | \`${row.key}\` | ${shownDefault(row)} | ${row.doc}${details(row)}. |`
}

function details({ type }: OptionRow): string {
  return type.kind === 'choice' ? `: ${type.choices.map((choice) => `\`${choice}\``).join(', ')}` : ''
}
