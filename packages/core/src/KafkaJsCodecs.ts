/**
 * Reads the record batches that other producers compress, or the broker where a topic's `compression.type` says so:
 * kafkajs itself knows gzip alone, and one batch that it cannot read stops the consumer. Metka compresses nothing.
 */
import kafkajs from "kafkajs"
import { decompress as decompressLz4 } from "lz4js"
import { promisify } from "node:util"
import { zstdDecompress } from "node:zlib"
import { uncompress as uncompressSnappy } from "snappyjs"

/** Node finds them only on the whole of the CommonJS module. */
const { CompressionCodecs, CompressionTypes } = kafkajs

type Unpack = (bytes: Buffer) => Uint8Array | Promise<Uint8Array>

/** What Java's Snappy streams start with: a magic text and two versions, of 4 bytes each; then blocks with lengths. */
const javaStream = Buffer.from("\x82SNAPPY\0", "latin1")
const javaHeaderBytes = javaStream.length + 8

const javaBlocks = (bytes: Buffer): ReadonlyArray<Buffer> => {
  const blocks: Array<Buffer> = []
  for (let at = javaHeaderBytes; at < bytes.length;) {
    const length = bytes.readUInt32BE(at)
    blocks.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return blocks
}

/** Java frames what other producers send as one block. */
export const unpackSnappy = (bytes: Buffer): Uint8Array => {
  const isJava = bytes.subarray(0, javaStream.length).equals(javaStream)
  return isJava ? Buffer.concat(javaBlocks(bytes).map((block) => uncompressSnappy(block))) : uncompressSnappy(bytes)
}

const reading = (unpack: Unpack) => () => ({
  compress: () => Promise.reject(new Error("Metka compresses nothing that it sends")),
  decompress: async (bytes: Buffer): Promise<Buffer> => {
    const unpacked = await unpack(bytes)
    return Buffer.from(unpacked.buffer, unpacked.byteOffset, unpacked.byteLength)
  }
})

/** Teaches kafkajs, once for the process. */
export const registerCodecs = (): void => {
  CompressionCodecs[CompressionTypes.Snappy] = reading(unpackSnappy)
  CompressionCodecs[CompressionTypes.LZ4] = reading(decompressLz4)
  CompressionCodecs[CompressionTypes.ZSTD] = reading(promisify(zstdDecompress))
}
