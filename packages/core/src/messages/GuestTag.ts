/** `guest-tags`: a tag given to a guest or taken away. `at` is UTC with seconds. */

export interface GuestTag {
  readonly user_id: string
  readonly tag: string
  readonly action: "given" | "taken"
  readonly order_cnt: number
  readonly rule_version: number
  readonly at: string
}
