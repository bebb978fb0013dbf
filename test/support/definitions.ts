/**
 * Flag definitions as PostHog answers them.
 */

/** A flag that is on for everybody, with what else is given. */
export const flag = (key: string, more: Readonly<Record<string, unknown>> = {}) => ({
  id: 1,
  key,
  active: true,
  filters: { groups: [{ properties: [], rollout_percentage: 100 }] },
  ...more
})

/** A flag that is on for those whose plan is pro, which nobody can say without knowing the plan. */
export const forPro = (key: string) =>
  flag(key, {
    id: 2,
    filters: {
      groups: [{
        properties: [{ key: "plan", type: "person", operator: "exact", value: ["pro"] }],
        rollout_percentage: 100
      }]
    }
  })

/** A flag that only PostHog can evaluate. */
export const remoteOnly = (key: string) => flag(key, { id: 3, ensure_experience_continuity: true })

export const definitions = (
  flags: ReadonlyArray<unknown>,
  more: Readonly<Record<string, unknown>> = {}
): { readonly [name: string]: unknown } => ({ flags, group_type_mapping: {}, cohorts: {}, ...more })
