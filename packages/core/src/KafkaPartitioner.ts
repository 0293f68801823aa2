/**
 * Kafka's default partitioning of keyed records, as the Java client and kafkajs do it, so that a key lives in one
 * partition whoever sends it. Source: org.apache.kafka.common.utils.Utils.murmur2, Apache Kafka.
 */

const seed = 0x9747b28c
const multiplier = 0x5bd1e995
const rotation = 24

/** The 32-bit murmur2 hash of the bytes, as a signed integer. */
export const murmur2 = (bytes: Uint8Array): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tail = bytes.byteLength & ~3
  let hash = seed ^ bytes.byteLength
  for (let at = 0; at < tail; at += 4) {
    let word = Math.imul(view.getInt32(at, true), multiplier)
    word = Math.imul(word ^ (word >>> rotation), multiplier)
    hash = Math.imul(hash, multiplier) ^ word
  }
  if (tail < bytes.byteLength) {
    for (let at = bytes.byteLength - 1; at >= tail; at--) hash ^= view.getUint8(at) << ((at - tail) * 8)
    hash = Math.imul(hash, multiplier)
  }
  hash = Math.imul(hash ^ (hash >>> 13), multiplier)
  return hash ^ (hash >>> 15)
}

/** The partition of a key, from 0 to `partitions - 1`. */
export const partitionOf = (key: Uint8Array, partitions: number): number => (murmur2(key) & 0x7fffffff) % partitions
