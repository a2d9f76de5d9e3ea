import { describe, expect, it } from 'vitest'
import { parseErlangSelector } from '../../../../src/broker/routing/jms/erlang-selector.js'
import { evaluateSelector } from '../../../../src/broker/routing/jms/evaluate-selector.js'
import { InvalidSelectorError, type SelectorValue } from '../../../../src/broker/routing/jms/selector-node.js'
import type { FieldValue } from '../../../../src/protocol/field-table.js'
import { int, tableOf, text } from '../matched.js'

const HEADERS: Record<string, FieldValue> = {
  colour: text('red'),
  n: int(7),
  big: { type: 'l', value: 9_007_199_254_740_993n },
  short: { type: 's', value: -3 },
  byte: { type: 'b', value: 3 },
  float: { type: 'f', value: 1.5 },
  double: { type: 'd', value: 7 },
  yes: { type: 't', value: true },
  no: { type: 't', value: false },
  empty: text(''),
  percent: text('50%'),
  accent: text('\xc3\xa9t\xc3\xa9'),
  time: { type: 'T', value: 5n },
  table: { type: 'F', value: [] },
  array: { type: 'A', value: [] },
  void: { type: 'V' },
  unsigned: { type: 'i', value: 1 },
  octet: { type: 'B', value: 1 },
}

function evaluated(selector: string): SelectorValue {
  return evaluateSelector(parseErlangSelector(selector), { headers: tableOf(HEADERS) })
}

function refused(selector: string): { reason: string; isAboutPattern: boolean } | undefined {
  try {
    parseErlangSelector(selector)
    return undefined
  } catch (error) {
    if (!(error instanceof InvalidSelectorError)) throw error
    return { reason: error.reason, isAboutPattern: error.isAboutPattern }
  }
}

const UNKNOWN = '{\'=\',{ident,<<"absent">>},1}'

/** Selectors are too long for the name of a test. */
const reasonFirst = ([selector, reason]: readonly [string, string]) => [reason, selector] as const

describe('plugins 6: compiled selectors', () => {
  it.each<[string, SelectorValue]>([
    // The example of the reference.
    [`{'and',{'=',{'ident',<<"colour">>},<<"red">>},{'>',{'ident',<<"n">>},5}}.`, true],
    // Logic of three values.
    ["{'and',true,true}.", true],
    ["{'and',true,false}.", false],
    [`{'and',false,${UNKNOWN}}.`, false],
    [`{'and',${UNKNOWN},false}.`, false],
    [`{'and',true,${UNKNOWN}}.`, undefined],
    ["{'or',false,true}.", true],
    ["{'or',false,false}.", false],
    [`{'or',true,${UNKNOWN}}.`, true],
    [`{'or',${UNKNOWN},true}.`, true],
    [`{'or',false,${UNKNOWN}}.`, undefined],
    ["{'not',true}.", false],
    ["{'not',false}.", true],
    [`{'not',${UNKNOWN}}.`, undefined],
    ["{'and',1,true}.", undefined],
    ['{ident,<<"yes">>}.', true],
    // Comparisons.
    ['{\'=\',{ident,<<"n">>},7}.', true],
    ['{\'=\',{ident,<<"n">>},7.0}.', true],
    ['{\'=\',{ident,<<"double">>},7}.', true],
    ['{\'<>\',{ident,<<"n">>},7}.', false],
    ['{\'<\',{ident,<<"short">>},0}.', true],
    ['{\'<=\',{ident,<<"byte">>},3}.', true],
    ['{\'>\',{ident,<<"float">>},1}.', true],
    ['{\'>=\',{ident,<<"float">>},2}.', false],
    ['{\'=\',{ident,<<"big">>},9007199254740992}.', false],
    ['{\'=\',{ident,<<"big">>},9007199254740993}.', true],
    // Across types: number, then boolean, then string; equal never.
    ['{\'<\',{ident,<<"n">>},{ident,<<"yes">>}}.', true],
    ['{\'<\',{ident,<<"yes">>},{ident,<<"colour">>}}.', true],
    ['{\'>\',{ident,<<"colour">>},1000}.', true],
    ['{\'=\',{ident,<<"colour">>},1}.', false],
    ['{\'<>\',{ident,<<"colour">>},1}.', true],
    ["{'<',false,true}.", true],
    ['{\'<\',<<"a">>,<<"b">>}.', true],
    // Null tests.
    ['{is_null,{ident,<<"absent">>}}.', true],
    ['{is_null,{ident,<<"n">>}}.', false],
    ['{not_null,{ident,<<"n">>}}.', true],
    ['{not_null,{ident,<<"absent">>}}.', false],
    // Patterns: the whole value.
    ['{like,{ident,<<"colour">>},<<"r%">>,no_escape}.', true],
    ['{like,{ident,<<"colour">>},<<"r_d">>,no_escape}.', true],
    ['{like,{ident,<<"colour">>},<<"r">>,no_escape}.', false],
    ['{like,{ident,<<"accent">>},<<"_t_">>,no_escape}.', true],
    ['{like,{ident,<<"percent">>},<<"50!%">>,<<"!">>}.', true],
    ['{not_like,{ident,<<"percent">>},<<"5!%">>,<<"!">>}.', true],
    ['{like,{ident,<<"colour">>},regex,<<"r.d">>}.', true],
    ['{like,{ident,<<"colour">>},regex,<<"e">>}.', false],
    ['{like,{ident,<<"colour">>},regex,<<"x|red">>}.', true],
    ['{not_like,{ident,<<"colour">>},regex,<<"b.*">>}.', true],
    ['{like,{ident,<<"absent">>},<<"%">>,no_escape}.', undefined],
    ['{not_like,{ident,<<"absent">>},<<"%">>,no_escape}.', undefined],
    ['{like,{ident,<<"n">>},<<"%">>,no_escape}.', undefined],
    // Ranges, both ends included.
    ['{between,{ident,<<"n">>},{range,7,9}}.', true],
    ['{between,{ident,<<"n">>},5,7}.', true],
    ['{between,{ident,<<"n">>},8,9}.', false],
    ['{not_between,{ident,<<"n">>},{range,8,9}}.', true],
    ['{not_between,{ident,<<"n">>},7,7}.', false],
    ['{between,{ident,<<"absent">>},1,2}.', undefined],
    // Lists: exact type and value.
    ['{in,{ident,<<"colour">>},[<<"blue">>,<<"red">>]}.', true],
    ['{in,{ident,<<"n">>},[7.0]}.', false],
    ['{in,{ident,<<"n">>},[7]}.', true],
    ['{not_in,{ident,<<"colour">>},[]}.', true],
    ['{in,{ident,<<"absent">>},[1]}.', undefined],
    ['{not_in,{ident,<<"absent">>},[1]}.', undefined],
    // Arithmetic.
    ["{'=',{'+',{ident,<<\"n\">>},1},8}.", true],
    ["{'=',{'-',{ident,<<\"n\">>},10},-3}.", true],
    ["{'=',{'*',{ident,<<\"n\">>},1.5},10.5}.", true],
    ["{'=',{'/',{ident,<<\"n\">>},2},3.5}.", true],
    ["{'=',{'-',3},-3}.", true],
    ["{'=',{'+',3},3}.", true],
    ["{'=',{'/',1,0},1}.", undefined],
    ["{'=',{'+',{ident,<<\"colour\">>},1},1}.", undefined],
    ["{'=',{'-',{ident,<<\"absent\">>}},1}.", undefined],
    // Text: white space, comments, quoted and plain atoms, empty and spelled binaries.
    [' {  \'=\'\n , {ident,<< "colour" >>} , <<114,101,100>> } % a comment\n . ', true],
    ['{\'=\',{ident,<<"empty">>},<<>>}.', true],
    ['{\'=\',<<"a\\"b\\n">>,<<97,34,98,10>>}.', true],
    ['{\'=\',<<"x"/utf8>>,<<"x">>}.', true],
    ["{'=',-2.5e1,-25}.", true],
    ['true.', true],
    ['false.', false],
  ])('%s is %s (plugins 6)', (selector, expected) => {
    expect(evaluated(selector)).toBe(expected)
  })

  it.each(['time', 'table', 'array', 'void', 'unsigned', 'octet', 'absent'])(
    'take the header %s for absent, whose type has no place in JMS (plugins 6)',
    (name) => {
      expect(evaluated(`{is_null,{ident,<<"${name}">>}}.`)).toBe(true)
    },
  )

  it.each(
    (
      [
        ['', 'it ends too early at character 1'],
        ['true', 'it ends too early at character 5'],
        ['true. more', "unexpected 'm' at character 7"],
        ['{ident,<<"x">>.', "unexpected '.' at character 15"],
        ['{ident,<<"x>>}.', "unexpected '<' at character 8"],
        ['{ident,"x"}.', "unexpected '\"' at character 8"],
        ['Variable.', "unexpected 'V' at character 1"],
        ['{}.', 'a tuple does not start with an operator'],
        ['{1,2}.', 'a tuple does not start with an operator'],
        ['{nonsense,1}.', "there is no operator 'nonsense' with 1 arguments"],
        ["{'and',true}.", "there is no operator 'and' with 1 arguments"],
        ["{'=',1,2,3}.", "there is no operator '=' with 3 arguments"],
        ["{'=',1,2,3,4}.", "there is no operator '=' with 4 arguments"],
        ['{between,1,{range,1}}.', "there is no operator 'between' with 2 arguments"],
        ['{in,1,2}.', 'what follows in is no list'],
        ['{in,1,[[1]]}.', 'a list means nothing here'],
        ['[].', 'a list means nothing here'],
        ['undefined.', "the atom 'undefined' means nothing here"],
        ['{ident,x}.', 'a binary is missing where there has to be one'],
        ["{'=',<<256>>,1}.", 'an octet of a binary is above 255'],
        [`{'=',${'9'.repeat(30)},1}.`, 'an integer is too large'],
        [`{'=',1.0e999,1}.`, 'the number 1.0e999 is too large'],
        [`${"{'not',".repeat(500)}true${'}'.repeat(500)}.`, 'it is nested too deep'],
        [`<<"${'x'.repeat(20_000)}">>.`, 'it has 20007 octets and 16384 are allowed'],
      ] satisfies [string, string][]
    ).map(reasonFirst),
  )('are refused: %s (plugins 6)', (reason, selector) => {
    expect(refused(selector)).toEqual({ reason, isAboutPattern: false })
  })

  it.each(
    (
      [
        ['{like,{ident,<<"a">>},regex,<<"a)|(b">>}.', "a ')' has no '(' (at offset 1)"],
        ['{like,{ident,<<"a">>},<<"ab!">>,<<"!">>}.', 'it ends with its escape character'],
        ['{like,{ident,<<"a">>},<<"ab">>,<<"!!">>}.', 'the escape is not one character'],
        ['{like,{ident,<<"a">>},<<"ab">>,<<>>}.', 'the escape is not one character'],
        [`{like,{ident,<<"a">>},regex,<<"${'a'.repeat(1025)}">>}.`, 'it has 1025 octets and 1024 are allowed'],
        [`{like,{ident,<<"a">>},<<"${'a'.repeat(1025)}">>,no_escape}.`, 'it has 1025 octets and 1024 are allowed'],
      ] satisfies [string, string][]
    ).map(reasonFirst),
  )('are refused for a pattern: %s (plugins 6)', (reason, selector) => {
    expect(refused(selector)).toEqual({ reason, isAboutPattern: true })
  })

  it('reach 64 bits with exact numbers, and go on with approximate ones', () => {
    const squared = '{\'*\',{ident,<<"big">>},{ident,<<"big">>}}'
    expect(evaluated(`{'>',${squared},0}.`)).toBe(true)
    expect(typeof evaluated(`${squared}.`)).toBe('number')
    expect(evaluated(`{'-',${squared},${squared}}.`)).toBe(0)
  })
})
