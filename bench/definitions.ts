/** Definitions of flags as a project has them: shares of users, numbers, experiments, cohorts, dependencies, groups. */

const person = (key: string, operator: string, value: unknown) => ({ key, type: "person", operator, value })

const experiment = {
  variants: [
    { key: "control", rollout_percentage: 34 },
    { key: "test-a", rollout_percentage: 33 },
    { key: "test-b", rollout_percentage: 33 }
  ]
}

const filters = (index: number): object => {
  switch (index % 10) {
    case 0:
    case 1:
      return { groups: [{ properties: [], rollout_percentage: 10 + index % 80 }] }
    case 2:
    case 3:
      return { groups: [{ properties: [person("age", "gt", String(index % 60))], rollout_percentage: null }] }
    case 4:
    case 5:
      return {
        groups: [{ properties: [person("plan", "exact", ["pro", "team"])], rollout_percentage: 100 }],
        multivariate: experiment,
        payloads: { control: "{\"color\":\"blue\"}" }
      }
    case 6:
      return { groups: [{ properties: [{ key: "id", type: "cohort", value: 1 + Math.floor(index / 10) % 2 }] }] }
    case 7:
      return {
        groups: [{
          properties: [{
            key: `flag-${index - 7}`,
            type: "flag",
            operator: "flag_evaluates_to",
            value: true,
            dependency_chain: [`flag-${index - 7}`]
          }]
        }]
      }
    case 8:
      return {
        aggregation_group_type_index: 0,
        groups: [{
          properties: [{ key: "seats", type: "group", operator: "gte", value: 10, group_type_index: 0 }],
          rollout_percentage: 60
        }]
      }
    default:
      return {
        groups: [
          { properties: [person("email", "icontains", "@example.org")], rollout_percentage: 100 },
          { properties: [person("email", "ends_with", "@acme.com"), person("country", "is_not", ["US"])] }
        ]
      }
  }
}

/** What `GET /flags/definitions` answers, with so many flags. */
export const definitions = (count: number) => ({
  flags: Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    key: `flag-${index}`,
    name: `Flag ${index}`,
    active: true,
    version: 1,
    filters: filters(index)
  })),
  group_type_mapping: { 0: "company" },
  cohorts: {
    1: { type: "AND", values: [person("country", "exact", ["DE", "FR"]), person("age", "gte", "18")] },
    2: {
      type: "OR",
      values: [
        { type: "AND", values: [person("plan", "exact", ["free"])] },
        { type: "AND", values: [person("signup", "is_date_after", "2024-01-01"), person("age", "lt", "65")] }
      ]
    }
  }
})

/** The user for whom they are evaluated. */
export const user = {
  distinctId: "user_123",
  groups: { company: "acme" },
  personProperties: {
    email: "jane@acme.com",
    plan: "pro",
    age: "34",
    country: "DE",
    signup: "2025-03-01T00:00:00Z"
  },
  groupProperties: { company: { seats: "25" } }
}

/** One flag of each kind that is measured by itself. */
export const single = {
  rollout: "flag-0",
  numeric: "flag-2",
  experiment: "flag-4",
  dependent: "flag-7"
}
