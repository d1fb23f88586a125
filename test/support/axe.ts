/** What axe finds on a page, shadow roots included: WCAG 2.2 A and AA, and best practice. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';

/** One line per finding: the rule, where, and why. */
export async function findingsOf(page: Page): Promise<string[]> {
  // Legacy mode needs no second page; ours have no frames.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help} (${JSON.stringify(node.target)}) ${node.failureSummary}`),
  );
}
