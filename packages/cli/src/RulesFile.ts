/** The tag rules as a marketer writes them: YAML, `rules: [{ tag, category, threshold }]`. */
import type { RuleRequest, TagRule } from "@metka/cdm/rules"
import { utf8Text } from "@metka/core/messages/utf8Text"
import { Effect, Schema } from "effect"
import { readFile } from "node:fs/promises"
import { buffer as bufferOf } from "node:stream/consumers"
import { isMap, isNode, isSeq, LineCounter, parseDocument, stringify, type YAMLMap } from "yaml"

export class RulesFileInvalid extends Schema.TaggedError<RulesFileInvalid>()("RulesFileInvalid", {
  message: Schema.String
}) {}

/** Long enough for any label, short enough for an index of PostgreSQL. */
const Label = Schema.NonEmptyString.check(Schema.isMaxLength(200))

const Rule = Schema.Struct({
  tag: Label,
  category: Label,
  threshold: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_147_483_646 }))
})

const decodeRule = Schema.decodeUnknownResult(Rule)
const allowedKeys = new Set(["tag", "category", "threshold"])

const plain = (value: unknown): boolean =>
  typeof value !== "string" || (value.isWellFormed() && !value.includes("\u0000"))

/** A lenient reader would put U+FFFD into names, and no guest would ever order from such a category. */
const textOf = (bytes: Buffer, file: string): string => {
  const text = utf8Text(bytes)
  if (text !== undefined) return text
  const lines = bytes.toString("latin1").split("\n")
  const line = 1 + lines.findIndex((characters) => utf8Text(Buffer.from(characters, "latin1")) === undefined)
  throw new RulesFileInvalid({ message: `${file}:${line}: the line is not UTF-8 text; save the file as UTF-8` })
}

/** Reads the rules out of YAML text; every error names its line. */
const parseRules = (text: string, file: string): ReadonlyArray<RuleRequest> => {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter })
  const fail = (offset: number, message: string): never => {
    throw new RulesFileInvalid({ message: `${file}:${lineCounter.linePos(offset).line}: ${message}` })
  }
  const [error] = document.errors
  if (error !== undefined) return fail(error.pos[0], error.message.split("\n")[0] ?? error.message)
  const rules: unknown = document.get("rules")
  if (!isSeq(rules)) return fail(0, "expected `rules:` with a list of { tag, category, threshold }")
  const seen = new Map<string, number>()
  return rules.items.map((item) => {
    if (!isMap(item)) {
      return fail(isNode(item) ? (item.range?.[0] ?? 0) : 0, "expected every rule to be { tag, category, threshold }")
    }
    const offset = startOf(item)
    const value: unknown = item.toJSON()
    const unknownKey = Object.keys(value ?? {}).find((key) => !allowedKeys.has(key))
    if (unknownKey !== undefined)
      return fail(offset, `unknown field \`${unknownKey}\`; a rule has tag, category and threshold`)
    const decoded = decodeRule(value)
    if (decoded._tag === "Failure") return fail(offset, decoded.failure.message.split("\n").join(" "))
    const rule = decoded.success
    if (!plain(rule.tag) || !plain(rule.category)) return fail(offset, "a name holds a character that cannot be stored")
    const before = seen.get(rule.tag)
    if (before !== undefined) {
      return fail(offset, `the tag «${rule.tag}» has a rule already, in line ${before}; a tag has one rule`)
    }
    seen.set(rule.tag, lineCounter.linePos(offset).line)
    return rule
  })
}

/** A file that makes the rules what they are. */
export const rulesFileText = (rules: ReadonlyArray<TagRule>): string =>
  stringify({
    rules: rules.map(({ categoryName, tag, threshold }) => ({ tag, category: categoryName, threshold }))
  }).trimEnd()

const startOf = (item: YAMLMap): number => item.range?.[0] ?? 0

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
