/** Tag rules that suit the demo week: of its 4,000 guests each tag gets a few to some twenty in a hundred. */

/** A guest has the tag while more than `threshold` of their CLOSED orders hold a dish of the category. */
export interface DemoRule {
  readonly tag: string
  readonly category: string
  readonly threshold: number
}

export const demoRules: ReadonlyArray<DemoRule> = [
  { tag: "Любитель супов", category: "Супы", threshold: 4 },
  { tag: "Сладкоежка", category: "Десерты", threshold: 5 },
  { tag: "Кофеман", category: "Кофе", threshold: 3 },
  { tag: "Ранняя пташка", category: "Завтраки", threshold: 2 },
  { tag: "Ценитель пиццы", category: "Пицца", threshold: 2 },
  { tag: "Знаток роллов", category: "Роллы", threshold: 2 },
  { tag: "Хлебная душа", category: "Выпечка", threshold: 4 },
  { tag: "За здоровое питание", category: "Салаты", threshold: 4 }
]
