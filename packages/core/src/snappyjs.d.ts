declare module "snappyjs" {
  /** Unpacks a Snappy block. */
  export const uncompress: (block: Uint8Array) => Uint8Array
  export const compress: (bytes: Uint8Array) => Uint8Array
}
