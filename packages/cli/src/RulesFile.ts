/** The tag rules as a marketer writes them: YAML, `rules: [{ tag, category, threshold, window_days, exit_threshold }]`. */
import type { RuleRequest, TagRule } from "@metka/cdm/rules"
import { mostOrders } from "@metka/cdm/windows"
import { utf8Text } from "@metka/core/messages/utf8Text"
import { Effect, Schema, SchemaIssue } from "effect"
import { readFile } from "node:fs/promises"
import { buffer as bufferOf } from "node:stream/consumers"
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, stringify, type YAMLMap } from "yaml"

export class RulesFileInvalid extends Schema.TaggedError<RulesFileInvalid>()("RulesFileInvalid", {
  message: Schema.String
}) {}

/** Long enough for any label, short enough for an index of PostgreSQL. */
const Label = Schema.NonEmptyString.check(
  Schema.isMaxLength(200),
  Schema.makeFilter(
    (text) => (text.isWellFormed() && !text.includes("\u0000")) || "Expected characters that can be stored"
  )
)

const OrderCount = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_147_483_646 }))

/** A century: all that a calendar of guests can hold. */
const mostDays = 36_500

const Rule = Schema.Struct({
  tag: Label,
  category: Label,
  threshold: OrderCount,
  window_days: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: mostDays }))),
  exit_threshold: Schema.optionalKey(OrderCount)
})
type Rule = typeof Rule.Type

const decodeRule = Schema.decodeUnknownResult(Rule, { errors: "all" })

const requestOf = ({ category, exit_threshold, tag, threshold, window_days }: Rule): RuleRequest =>
  window_days === undefined
    ? { tag, category, threshold }
    : { tag, category, threshold, window: { days: window_days, exitThreshold: exit_threshold ?? threshold } }

/** What is wrong with the window that the fields describe, and which of them to change. */
const wrongWindow = ({ exit_threshold, threshold, window_days }: Rule) => {
  if (window_days !== undefined && threshold >= mostOrders) {
    return {
      field: "threshold",
      message: `a window has ${mostOrders} orders of a guest at most, the newest ones: nobody would get the tag`
    }
  }
  if (exit_threshold === undefined) return undefined
  if (window_days === undefined) {
    return {
      field: "exit_threshold",
      message: "`exit_threshold` needs `window_days`: without a window the orders of a guest do not become fewer"
    }
  }
  if (exit_threshold <= threshold) return undefined
  return {
    field: "exit_threshold",
    message: "`exit_threshold` is greater than `threshold`: a guest would lose the tag on getting it"
  }
}

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()
const fileKeys = new Set(["rules"])
const ruleKeys = new Set(["tag", "category", "threshold", "window_days", "exit_threshold"])

/** A lenient reader would put U+FFFD into names, and no guest would ever order from such a category. */
const textOf = (bytes: Buffer, file: string): string => {
  const text = utf8Text(bytes)
  if (text !== undefined) return text
  const lines = bytes.toString("latin1").split("\n")
  const line = 1 + lines.findIndex((characters) => utf8Text(Buffer.from(characters, "latin1")) === undefined)
  throw new RulesFileInvalid({ message: `${file}:${line}: the line is not UTF-8 text; save the file as UTF-8` })
}

interface Mistake {
  /** Where it is in the text. */
  readonly offset: number
  readonly message: string
}

const startOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0)

/** Where the map has the field, or begins if it has it not. */
const placeOf = (map: YAMLMap, field: unknown): number =>
  startOf(map.items.find(({ key }) => isScalar(key) && key.value === field)?.key ?? map)

/** A field that nobody reads may be one that is misspelled. */
const unknownFields = (map: YAMLMap, known: ReadonlySet<string>, whatIsKnown: string): ReadonlyArray<Mistake> =>
  Object.keys(map.toJSON())
    .filter((field) => !known.has(field))
    .map((field) => ({ offset: placeOf(map, field), message: `unknown field \`${field}\`; ${whatIsKnown}` }))

type Decoded = ReturnType<typeof decodeRule>

const mistakesIn = (rule: YAMLMap, decoded: Decoded): ReadonlyArray<Mistake> => [
  ...unknownFields(rule, ruleKeys, "a rule has tag, category, threshold, and may have window_days and exit_threshold"),
  ...(decoded._tag === "Success" ? [] : issuesOf(decoded.failure.issue).issues).map(({ message, path = [] }) => ({
    offset: placeOf(rule, path[0]),
    message: `${message} at ${JSON.stringify(path)}`
  }))
]

/** Reads the rules out of YAML text; all mistakes are told at once, each with its line. */
const parseRules = (text: string, file: string): ReadonlyArray<RuleRequest> => {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter })
  const lineOf = (offset: number): number => lineCounter.linePos(offset).line
  const refuse = (mistakes: ReadonlyArray<Mistake>): never => {
    const lines = mistakes
      .toSorted((a, b) => a.offset - b.offset)
      .map(({ message, offset }) => `${file}:${lineOf(offset)}: ${message}`)
    throw new RulesFileInvalid({ message: lines.join("\n") })
  }
  if (document.errors.length > 0) {
    return refuse(
      document.errors.map(({ message, pos }) => ({ offset: pos[0], message: message.split("\n")[0] ?? message }))
    )
  }
  const rules: unknown = document.get("rules")
  const mistakes: Array<Mistake> = isMap(document.contents)
    ? [...unknownFields(document.contents, fileKeys, "a rules file has rules")]
    : []
  if (!isSeq(rules)) {
    return refuse([
      { offset: 0, message: "expected `rules:` with a list of { tag, category, threshold }" },
      ...mistakes
    ])
  }
  const requests: Array<RuleRequest> = []
  const lines = new Map<string, number>()
  for (const item of rules.items) {
    if (!isMap(item)) {
      mistakes.push({ offset: startOf(item), message: "expected every rule to be { tag, category, threshold }" })
      continue
    }
    const fields: Readonly<Record<string, unknown>> = item.toJSON()
    const decoded = decodeRule(fields)
    mistakes.push(...mistakesIn(item, decoded))
    if (decoded._tag === "Success") {
      const wrong = wrongWindow(decoded.success)
      if (wrong === undefined) requests.push(requestOf(decoded.success))
      else mistakes.push({ offset: placeOf(item, wrong.field), message: wrong.message })
    }
    const { tag } = fields
    if (typeof tag !== "string") continue
    const offset = placeOf(item, "tag")
    const before = lines.get(tag)
    if (before === undefined) lines.set(tag, lineOf(offset))
    else {
      mistakes.push({ offset, message: `the tag «${tag}» has a rule already, in line ${before}; a tag has one rule` })
    }
  }
  return mistakes.length === 0 ? requests : refuse(mistakes)
}

/** A file that makes the rules what they are. */
export const rulesFileText = (rules: ReadonlyArray<TagRule>): string =>
  stringify({
    rules: rules.map(({ categoryName, tag, threshold, window }) => ({
      tag,
      category: categoryName,
      threshold,
      ...(window === undefined ? {} : { window_days: window.days }),
      ...(window === undefined || window.exitThreshold === threshold ? {} : { exit_threshold: window.exitThreshold })
    }))
  }).trimEnd()

/** @param file `-` for standard input */
export const readRulesFile = (file: string): Effect.Effect<ReadonlyArray<RuleRequest>, RulesFileInvalid> => {
  const name = file === "-" ? "standard input" : file
  return Effect.tryPromise({
    try: () => (file === "-" ? bufferOf(process.stdin) : readFile(file)),
    catch: (cause) =>
      new RulesFileInvalid({
        message: `${name} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`
      })
  }).pipe(
    Effect.flatMap((bytes) =>
      Effect.try({
        try: () => parseRules(textOf(bytes, name), name),
        catch: (cause) => (cause instanceof RulesFileInvalid ? cause : new RulesFileInvalid({ message: String(cause) }))
      })
    )
  )
}
