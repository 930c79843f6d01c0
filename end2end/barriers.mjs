// What keeps people out of a page, as far as a program can tell (axe-core).
import AxeBuilder from '@axe-core/playwright';

// All rules that axe has by default, and the one of WCAG 2.2 that it has not: how large targets are.
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe finds in a page as it is now, in a form that can be read in a failure. */
export async function barriers(page) {
  const axe = new AxeBuilder({ page })
    // What is well is not described: on long pages that takes most of the time.
    .options({ resultTypes: ['violations'] })
    .withTags(TAGS)
    // Putting frames together takes as long as looking through the page; where there are none it finds the same without.
    .setLegacyMode(page.frames().length === 1);
  const { violations } = await axe.analyze();
  return violations.map(({ id, help, nodes }) => ({ id, help, where: nodes.map(({ html }) => html.slice(0, 160)) }));
}
