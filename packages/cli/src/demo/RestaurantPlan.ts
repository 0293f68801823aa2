/** A restaurant of the demo world before it has ids: its menu by category, a dish with its price in whole roubles. */

export interface RestaurantPlan {
  readonly name: string
  /** Relative: a restaurant of 10 draws twice the guests of one of 5. */
  readonly popularity: number
  readonly menu: Readonly<Record<string, Readonly<Record<string, number>>>>
}
