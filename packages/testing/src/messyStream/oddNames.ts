import type { Random } from "./Random.ts"

const guests = [
  "Котова Ольга Вениаминовна",
  'O\'Brien "Bob"',
  "李小龙",
  "محمد علي",
  "Zoë Übermüller",
  "Иван \\ Петров",
  "🙂🍕",
  "Robert'); drop table guests;--",
  "a|b|c",
  "Ба\u0301ев",
  "👩‍👩‍👧‍👦 семья",
  " пробел ",
  "line\nbreak\ttab",
  '{"not": "json"}',
  "null",
  "%s ${x}"
]

const dishes = [
  "Рис с лимоном",
  "РОЛЛ С ТОФУ И ВЯЛЕНЫМИ ТОМАТАМИ",
  'Суп "Том Ям"',
  "寿司",
  "חומוס",
  "Crème brûlée",
  "Cre\u0300me bru\u0302lée",
  "C:\\soup\\new",
  "50% 'острый'",
  "🍔 + 🍟",
  "Салат <b>Тбилисо</b>",
  "undefined",
  "\\u0000",
  "Чай;Кофе,Сок"
]

const restaurants = ["Кофейня №1", 'Bar "Под \\ мухой"', "🍣 Суши", "L'Été", "饭馆", "Вкус Севера"]

/**
 * Names of categories. They are business keys: two that differ only by case, by a space at the end or by the way an
 * accent is composed are two categories.
 */
export const categories: ReadonlyArray<string> = [
  "Салаты",
  "салаты",
  "Салаты ",
  "Выпечка",
  "Супы",
  "Напитки",
  "Caf\u00e9",
  "Cafe\u0301",
  'Роллы "Хит"',
  "🍕 Пицца",
  "a|b",
  "a||b",
  "Back\\slash",
  "'quoted'",
  "热菜",
  "Десерты"
]

export const guestName = (random: Random): string =>
  random.chance(0.5) ? random.pick(guests) : `${random.pick(guests)} ${random.below(10_000)}`

export const dishName = (random: Random): string =>
  random.chance(0.5) ? random.pick(dishes) : `${random.pick(dishes)} ${random.below(10_000)}`

export const restaurantName = (random: Random): string => random.pick(restaurants)

const oddIds = ["гость №", "it's \"", "😀", "a|b:", "%2F\\", "__proto__", "CONSTRUCTOR "]

/** Mostly 24 hex digits as the app gives them, at times any other text; `mark` and `index` keep ids apart. */
export const oddId = (random: Random, mark: string, index: number): string => {
  const number = index.toString(16).padStart(8, "0")
  return random.chance(0.9) ? `626a81ce${mark}${number}`.padEnd(24, "e") : `${random.pick(oddIds)}${mark}${number}`
}
