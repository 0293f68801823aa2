/** The Kafka headers of the inner topics: names, and how a consumer reads them. */
import { Result } from "effect"
import type { KafkaRecord } from "../Kafka.ts"
import { BadRecord } from "./BadRecord.ts"
import { isTimeless, parseOrderVersion, timeless, withoutHeader } from "./OrderVersion.ts"
import { parsePlace, type Place } from "./place.ts"
import { referenceVersion } from "./ReferenceVersion.ts"
import { utf8Text } from "./utf8Text.ts"

export const header = {
  orderVersion: "order-version",
  orderId: "order-id",
  orderDate: "order-date",
  userLogin: "user-login",
  userVersion: "user-version",
  restaurantVersion: "restaurant-version",
  eventId: "event-id",
  replayOf: "replay-of",
  traceparent: "traceparent"
} as const

type HeaderName = (typeof header)[keyof typeof header]

const bad = (name: string, detail: string) =>
  Result.fail(new BadRecord({ reason: "bad_header", detail: `${name}: ${detail}` }))

/** A header's text, `undefined` when it is absent. */
export const readHeader = (record: KafkaRecord, name: HeaderName): Result.Result<string | undefined, BadRecord> => {
  const bytes = record.headers.get(name)
  if (bytes === undefined) return Result.succeed(undefined)
  const text = utf8Text(bytes)
  if (text === undefined) return bad(name, "is not UTF-8 text")
  return text.includes("\u0000") ? bad(name, "holds the character U+0000") : Result.succeed(text)
}

/** Where the message was read first: one that was a dead letter, and was sent again, says so. */
export const readOrigin = (record: KafkaRecord): Result.Result<Place, BadRecord> =>
  Result.flatMap(readHeader(record, header.replayOf), (text) => {
    if (text === undefined) return Result.succeed(record)
    const place = parsePlace(text)
    return place === undefined
      ? bad(header.replayOf, "expected topic:partition:offset:timestamp")
      : Result.succeed(place)
  })

/** `order-version`, or the version of a message without one. */
export const readOrderVersion = (record: KafkaRecord): Result.Result<string, BadRecord> =>
  Result.flatMap(readHeader(record, header.orderVersion), (text) => {
    if (text === undefined) {
      return Result.map(readOrigin(record), ({ timestamp }) =>
        withoutHeader(timestamp, record.value ?? new Uint8Array())
      )
    }
    const version = parseOrderVersion(text)
    return version === undefined
      ? bad(header.orderVersion, "expected update_ts|sent_dttm|sha256")
      : Result.succeed(version)
  })

/** The version of a reference, or the oldest there is when the header is absent. */
export const readReferenceVersion = (
  record: KafkaRecord,
  name: typeof header.userVersion | typeof header.restaurantVersion
): Result.Result<string, BadRecord> =>
  Result.flatMap(readHeader(record, name), (text) =>
    text === undefined
      ? Result.map(readOrigin(record), ({ timestamp }) => timeless(timestamp))
      : Result.succeed(isTimeless(text) ? text : referenceVersion(text))
  )
