/** A text of one line in single or double quotes, or a template. */
const TEXT = /(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)/.source

/** The title of a test or of a group of them: what `it` and its kin are called with, or what is made of their cases. */
const TITLES = new RegExp(`\\b(?:it|test|describe)(?:\\.\\w+)*\\(\\s*(${TEXT})|\\)\\(\\s*(${TEXT}),`, 'g')

const COMMENTS = /^\s*(?:\/\/|\/?\*).*$/gm

/** A place in a title that names something of the reference: `(semantics 9.1 c, 9.1 d; corner frame 2)`. */
const REFERENCES = /\(((?:semantics|plugins|corner) [^()]*)\)/g

/** What the titles in a source name of the reference: rules, as `semantics 9.1 c`, and whole sections. */
export function namedIn(source: string): string[] {
  const found = [...source.replace(COMMENTS, '').matchAll(TITLES)]
  const titles = found.map(([, title, ofCases]) => title ?? ofCases ?? '')
  return titles.flatMap((title) => [...title.matchAll(REFERENCES)].flatMap(([, group]) => namedInGroup(group ?? '')))
}

/** Whether a source has tests that do not run. */
export function skipsTests(source: string): boolean {
  return /\b(?:it|test|describe)\.(?:skip|todo)\b/.test(source.replace(COMMENTS, ''))
}

/** Parts end in semicolons; in each the first word is the document of all that follows, between commas. */
function namedInGroup(group: string): string[] {
  return group.split(';').flatMap((part) => {
    const [document = '', ...rest] = part.trim().split(' ')
    const entries = rest.join(' ').split(',')
    return entries.map((entry) => `${document} ${entry.trim()}`)
  })
}
