// The little of SVG that the plots need. Colours are chosen to be readable on white and on black: a plot has no ground.

export const INK = '#737c86'
export const FONT = 'ui-sans-serif, system-ui, sans-serif'
/** Of the brokers, in the order of the run: ours first. */
export const COLOURS = ['#2f81f7', '#d9822b', '#8b63d9', '#2da44e', '#d1478c']

export const colourOf = (index) => COLOURS[index % COLOURS.length]

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text) => String(text).replace(/[&<>"]/g, (character) => ESCAPES[character])
const short = (value) => (typeof value === 'number' ? Number(value.toFixed(1)) : value)

/**
 * One element. Numbers among the attributes are pixels and are cut to a tenth.
 * @param {string} name
 * @param {Record<string, string | number | undefined>} attributes - undefined ones are left out
 * @param {string} [content] - markup, made by this file
 */
export function element(name, attributes, content = '') {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escaped(short(value))}"`)
  return content ? `<${name}${written.join('')}>${content}</${name}>` : `<${name}${written.join('')}/>`
}

/** A line of text; `anchor` says which end of it lies at x. */
export function text(x, y, content, { anchor = 'start', fill = INK, size, weight } = {}) {
  const looks = { 'text-anchor': anchor === 'start' ? undefined : anchor, 'font-size': size, 'font-weight': weight }
  return element('text', { x, y, fill, ...looks }, escaped(content))
}

export const line = (x1, y1, x2, y2, looks = {}) => element('line', { x1, y1, x2, y2, stroke: INK, ...looks })

/** A whole picture. `title` is what a screen reader reads. */
export function picture(width, height, title, parts) {
  const box = { width, height, viewBox: `0 0 ${short(width)} ${short(height)}` }
  const root = { xmlns: 'http://www.w3.org/2000/svg', ...box, role: 'img', 'font-family': FONT, 'font-size': 12 }
  return `${element('svg', root, `\n${[element('title', {}, escaped(title)), ...parts].join('\n')}\n`)}\n`
}

/** A row of coloured names. @param {string[]} names - in the order of the run */
export function legend(x, y, names) {
  const WIDTH_OF_LETTER = 7
  let at = x
  return names.map((name, index) => {
    const parts = [
      element('rect', { x: at, y: y - 9, width: 10, height: 10, rx: 2, fill: colourOf(index) }),
      text(at + 15, y, name),
    ]
    at += 15 + name.length * WIDTH_OF_LETTER + 18
    return parts.join('')
  })
}
