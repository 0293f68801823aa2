/** What kafkajs throws, as the port's reasons. */
import { KafkaError, KafkaRefused, KafkaUnavailable, RecordTooLarge } from "./Kafka.ts"

/** Kafka's names of the errors that blame the record's size. Source: Kafka protocol guide, error codes 10 and 18. */
const tooLarge = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"])

/** Node's codes for a certificate that is of no authority we know. */
const unknownAuthority = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
])

/** Those that stay until somebody changes the configuration: Kafka's names, kafkajs's error names, Node's TLS codes. */
const refused = new Set([
  "TOPIC_AUTHORIZATION_FAILED",
  "GROUP_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "SASL_AUTHENTICATION_FAILED",
  "UNSUPPORTED_SASL_MECHANISM",
  "INVALID_TOPIC_EXCEPTION",
  "INVALID_PARTITIONS",
  "INVALID_GROUP_ID",
  "POLICY_VIOLATION",
  "KafkaJSSASLAuthenticationError",
  "KafkaJSNotImplemented",
  "CERT_HAS_EXPIRED",
  ...unknownAuthority,
  "ERR_TLS_CERT_ALTNAME_INVALID"
])

/** kafkajs wraps an error up to three times; the depth is bounded because a cause may point back at its error. */
const maxDepth = 8

/** The names by which an error, its causes and its parts say what they are. */
function* namesOf(error: unknown, depth = 0): Generator<string> {
  if (typeof error !== "object" || error === null || depth > maxDepth) return
  for (const field of ["type", "name", "code"]) {
    const name: unknown = Reflect.get(error, field)
    if (typeof name === "string") yield name
  }
  const parts: unknown = Reflect.get(error, "errors")
  if (Array.isArray(parts)) for (const part of parts) yield* namesOf(part, depth + 1)
  yield* namesOf(Reflect.get(error, "cause"), depth + 1)
}

/** The coordinator of a group is being found or reads the group's state, on a broker that has just come up. */
const coordinatorNotReady = new Set([
  "GROUP_LOAD_IN_PROGRESS",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR_FOR_GROUP"
])

/** True of what passes within a second or so on a broker that works. */
export const isCoordinatorNotReady = (error: unknown): boolean =>
  [...namesOf(error)].some((name) => coordinatorNotReady.has(name))

/** What the broker says to a commit when the group has gone on without the member, or is about to. */
const outdatedGeneration = new Set(["ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "REBALANCE_IN_PROGRESS"])

export const isIllegalGeneration = (error: unknown): boolean =>
  [...namesOf(error)].some((name) => outdatedGeneration.has(name))

/** Somebody has deleted the topic, or the broker has come back with an empty disk. */
export const isTopicMissing = (error: unknown): boolean =>
  [...namesOf(error)].some((name) => name === "UNKNOWN_TOPIC_OR_PARTITION")

/** Of several errors in one, "Topic creation errors" says nothing: its parts do. */
const messageOf = (error: unknown): string =>
  error instanceof Error && "errors" in error && Array.isArray(error.errors)
    ? [error.message, ...error.errors.map(ownMessageOf)].join(": ")
    : ownMessageOf(error)

const ownMessageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** What an operation is about, of which kafkajs's errors say nothing. */
interface About {
  readonly topic?: string
  readonly group?: string
}

/** kafkajs does not say on what a right is missing. Without one on a group it finds no coordinator. */
const missingRight = (names: ReadonlyArray<string>, { group, topic }: About): string =>
  topic !== undefined && names.includes("TOPIC_AUTHORIZATION_FAILED")
    ? `: topic ${topic}`
    : group !== undefined && names.includes("GROUP_AUTHORIZATION_FAILED")
      ? `: group ${group}`
      : group !== undefined && names.includes("KafkaJSGroupCoordinatorNotFound")
        ? `: group ${group}, on which a right may be missing`
        : ""

const refusedLogin = new Set(["KafkaJSSASLAuthenticationError", "SASL_AUTHENTICATION_FAILED"])

const hint = (names: ReadonlyArray<string>): string =>
  names.includes("INVALID_TIMESTAMP")
    ? // Records carry the time of this machine; a broker takes none that is more than an hour ahead of its own.
      ": this machine's clock is probably more than an hour ahead of the broker's"
    : names.some((name) => unknownAuthority.has(name))
      ? ": KAFKA_SSL_CA_FILE must name the authority of the broker's certificate; it is read at the start, so restart " +
        "after it was renewed"
      : names.some((name) => refusedLogin.has(name))
        ? ": KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD are read at the start, so restart after they were changed"
        : ""

/** Everything that is neither the record's nor the configuration's fault is an outage, which passes. */
export const kafkaError =
  (operation: string, about: About = {}) =>
  (cause: unknown): KafkaError => {
    if (cause instanceof KafkaError) return cause
    const names = [...namesOf(cause)]
    const message =
      about.topic !== undefined && isTopicMissing(cause)
        ? `there is no topic ${about.topic}: the service creates it if it may; if not, create it`
        : messageOf(cause) + missingRight(names, about) + hint(names)
    const fields = { message, cause }
    const reason = names.some((name) => tooLarge.has(name))
      ? new RecordTooLarge(fields)
      : names.some((name) => refused.has(name))
        ? new KafkaRefused(fields)
        : new KafkaUnavailable(fields)
    return new KafkaError({ operation, reason })
  }
