// What must hold of the pages, over the sample catalogue.
import AxeBuilder from "@axe-core/playwright";
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** A distribution follows its sale once the sale is final. */
const MONEY_LIMIT = 60_000;
const PHONES = [360, 390];

export async function pages({ browser, url, check, screenshots }) {
  const { context, page, complaints, picture } = await begin({ browser, url, screenshots }, "");
  const works = () => page.getByRole("main").getByRole("listitem").getByRole("heading");
  const paths = { catalogue: "/", missing: "/assets/999999" };

  await check("the catalogue shows the sample works", async () => {
    await page.goto("/");
    await page.getByRole("link", { name: "Flood forecaster" }).waitFor();
    const titles = await works().allTextContents();
    for (const title of ["River gauges, spring 2025", "Delta at dusk", "Confluence", "Tide table poster", "Reading the river"]) {
      assert.ok(titles.includes(title), `${title} is not among ${titles}`);
    }
    await page.getByText("0.25 ETH").waitFor();
    await page.getByText(/^Block \d/).waitFor();
    assert.match(await page.title(), /Tributary/);
    await picture("catalogue");
  });

  await check("search narrows it, and is kept in the address", async () => {
    await page.getByRole("searchbox").fill("gauges");
    await page.waitForURL("**/?q=gauges");
    await only(works(), ["Reading the river", "Flood forecaster", "River gauges, spring 2025"]);
    await page.reload();
    await only(works(), ["Reading the river", "Flood forecaster", "River gauges, spring 2025"]);
    assert.equal(await page.getByRole("searchbox").inputValue(), "gauges");
  });

  await check("so do kind and being for sale", async () => {
    await page.getByLabel("Kind of work").selectOption("DATASET");
    await only(works(), ["River gauges, spring 2025"]);
    await page.getByRole("searchbox").fill("");
    await page.waitForURL("**/?kind=DATASET");
    await page.getByLabel("Kind of work").selectOption("");
    await page.getByLabel("For sale").check();
    await page.waitForURL("**/?listed=true");
    await page.getByRole("link", { name: "Flood forecaster" }).waitFor({ state: "detached" });
  });

  await check("a search without a match offers a way out", async () => {
    await page.goto("/?q=no%20such%20work");
    await page.getByText("No work matches this search.").waitFor();
    await picture("no-match");
    await page.getByRole("link", { name: "Show all works" }).click();
    await page.getByRole("link", { name: "Confluence" }).waitFor();
    assert.equal(await page.getByRole("searchbox").inputValue(), "");
  });

  await check("a work's page shows its order and its record", async () => {
    await page.getByRole("link", { name: "Flood forecaster" }).click();
    await page.getByRole("heading", { level: 1, name: "Flood forecaster" }).waitFor();
    paths.work = new URL(page.url()).pathname;
    const order = page.getByRole("region", { name: "Order" });
    await order.getByText("1.5 ETH").waitFor();
    await order.getByText("Sold").waitFor();
    const record = page.getByRole("region", { name: "Record" });
    await record.getByText("10% of each sale").waitFor();
    await record.getByText("bafk").waitFor();
    assert.ok(await page.evaluate(() => document.activeElement?.id === "main"), "the focus is not at the new page's content");
  });

  await check("the pricing agent says what it is worth, how sure it is, and why", async () => {
    const advice = page.getByRole("region", { name: "Advice on the price" });
    await advice.getByText("Do not rely on it: there are too few sales to learn from").waitFor({ timeout: MONEY_LIMIT });
    await advice.getByText("0.72 ETH").waitFor();
    await advice.getByText("Why this price").click();
    await advice.getByText("(base Digital) = 0.8 pricing.metta:").waitFor();
  });

  await check("the risk agent says how likely fraud is, and why", async () => {
    const risk = page.getByRole("region", { name: "Risk" });
    await risk.getByText("Low risk").waitFor({ timeout: MONEY_LIMIT });
    await risk.getByText(/^Fraud is likely in about \d+ in 100 such cases\.$/).waitFor();
    await risk.getByText("Why this risk").click();
    await risk.getByText(/^No sign of fraud was found/).waitFor();
  });

  await check("without anybody who matches the partners' section says who would", async () => {
    await page.getByRole("region", { name: "Partners" }).getByText(/^Nobody matches yet: a partner has an account/).waitFor();
  });

  await check("how good advice was is told, sale by sale", async () => {
    await page.getByRole("link", { name: "How good advice was" }).click();
    await page.getByRole("heading", { level: 1, name: "How good the advice was" }).waitFor();
    paths.trackRecord = new URL(page.url()).pathname;
    await page.getByText(/^\d sales?; \d had advice before/).waitFor();
    await page.getByText("30 days").click();
    await page.getByText(/^\d sales?; \d had advice before/).waitFor();
    await picture("track-record");
    await page.goto(paths.work);
  });

  await check("its content can be downloaded", async () => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download" }).click()]);
    assert.equal(await download.failure(), null);
  });

  await check("its history tells the registration and the sale, with its royalty told once", async () => {
    const history = page.getByRole("region", { name: "History" });
    await history.getByText("Registered").waitFor();
    await history.getByText(/= fee 0\.03 ETH \+ royalty 0\.15 ETH \+ net to the seller 1\.32 ETH/).waitFor();
    assert.equal(await history.getByText(/Income of/).count(), 0, "the royalty of the sale is told again as income");
  });

  await check("its income is distributed, and each payout has its why", async () => {
    const distributions = page.getByRole("region", { name: "Distributions" });
    await distributions.getByRole("link", { name: /^Distribution \d/ }).first().waitFor({ timeout: MONEY_LIMIT });
    await picture("work");
    await distributions.getByRole("link", { name: /^Distribution \d/ }).first().click();
    await page.getByRole("heading", { level: 1, name: /^Distribution/ }).waitFor();
    paths.distribution = new URL(page.url()).pathname;
    const payouts = page.getByRole("region", { name: "Payouts" });
    await payouts.getByText("0.1275 ETH").waitFor();
    await payouts.getByText("0.0225 ETH").waitFor();
    await payouts.getByRole("button", { name: /^Why/ }).last().click();
    await payouts.getByText(/Flood forecaster passed 0\.0225 ETH to River gauges, spring 2025/).waitFor();
    await payouts.getByText(/for a share of 100% of what no contribution claims/).waitFor();
    await picture("distribution");
  });

  await check("an account's page shows earnings, payouts and works", async () => {
    await page.getByRole("region", { name: "Payouts" }).getByRole("link", { name: /^0x/ }).last().click();
    await page.getByRole("heading", { level: 1, name: /^0x/ }).waitFor();
    paths.account = new URL(page.url()).pathname;
    await page.getByRole("region", { name: "Earnings" }).getByText("0.0225 ETH").first().waitFor();
    await page.getByRole("region", { name: "Payouts" }).getByRole("link", { name: /^distribution/ }).waitFor();
    await page.getByRole("region", { name: "Works owned" }).getByRole("link", { name: "River gauges, spring 2025" }).waitFor();
    await picture("account");
  });

  await check("the books show where the income is, and that the contracts hold it", async () => {
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Books" }).click();
    await page.getByRole("heading", { level: 1, name: "The books" }).waitFor();
    paths.books = new URL(page.url()).pathname;
    await page.getByText(/^Balanced/).waitFor({ timeout: MONEY_LIMIT });
    const ether = page.getByRole("region", { name: "Ether" });
    for (const line of ["Paid in, in all", "Not divided yet", "The contracts must hold", "They hold"]) await ether.getByText(line, { exact: true }).waitFor();
    await picture("books");
  });

  await check("the market says how it stands from the first day on that is over", async () => {
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Market" }).click();
    await page.getByRole("heading", { level: 1, name: "The market" }).waitFor();
    paths.market = new URL(page.url()).pathname;
    await page.getByText("The market is described on the day after its first sale.").waitFor();
    await page.getByRole("link", { name: "Look at the catalogue" }).waitFor();
    await picture("market");
  });

  await check("the ledger tells every event, and gives a receipt for it", async () => {
    await page.goto(paths.work);
    await page.getByRole("region", { name: "Record" }).getByRole("link", { name: "Events of this work" }).click();
    await page.getByRole("heading", { level: 1, name: "The ledger" }).waitFor();
    paths.ledger = new URL(page.url()).pathname + new URL(page.url()).search;
    const events = page.getByRole("region", { name: "Events" });
    const divided = events.getByRole("listitem").filter({ hasText: "Income divided" }).first();
    await divided.waitFor({ timeout: MONEY_LIMIT });
    await divided.getByText("Details").click();
    await divided.getByText(/"resultHash"/).waitFor();
    const receipt = await page.request.get(await divided.getByRole("link", { name: /^Receipt/ }).getAttribute("href"));
    assert.ok(receipt.ok(), `the receipt answered ${receipt.status()}`);
    assert.equal((await receipt.json()).event.kind, "distribution.closed");
    await picture("ledger");
  });

  await check("lineage leads to the work it was made from, and back", async () => {
    await page.goto(paths.work);
    await page.getByRole("region", { name: "Lineage" }).getByRole("link", { name: "River gauges, spring 2025" }).click();
    await page.getByRole("heading", { level: 1, name: "River gauges, spring 2025" }).waitFor();
    paths.source = new URL(page.url()).pathname;
    const lineage = page.getByRole("region", { name: "Lineage" });
    for (const title of ["Flood forecaster", "Tide table poster", "Reading the river"]) await lineage.getByRole("link", { name: title }).waitFor();
    await picture("source");
    await page.goBack();
    await page.getByRole("heading", { level: 1, name: "Flood forecaster" }).waitFor();
  });

  await check("an unknown work, and an unknown page, say so", async () => {
    await page.goto(paths.missing);
    await page.getByRole("heading", { name: "There is no work 999999." }).waitFor();
    await page.goto("/no/such/page");
    await page.getByRole("heading", { name: "There is no such page." }).waitFor();
    await page.getByRole("link", { name: "See the catalogue" }).click();
    await page.getByRole("link", { name: "Confluence" }).waitFor();
    await page.goto("/accounts/0x12");
    await page.getByRole("heading", { name: "0x12 is not an account." }).waitFor();
  });

  await check("a failing server is told with its trace id, and asked again", async () => {
    const problem = { type: "urn:tributary:problem:internal", title: "Internal Server Error", status: 500, code: "internal", detail: "Something went wrong on our side. Nothing was changed.", traceId: "00c0ffee" };
    const broken = await context.newPage();
    await broken.route("**/v1/assets?**", (route) => route.fulfill({ status: 500, contentType: "application/problem+json", json: problem }));
    await broken.goto("/");
    await broken.getByText("00c0ffee").waitFor({ timeout: 20_000 });
    await picture("error", broken);
    await broken.unroute("**/v1/assets?**");
    await broken.getByRole("button", { name: "Try again" }).click();
    await broken.getByRole("link", { name: "Flood forecaster" }).waitFor();
    await broken.close();
  });

  await check("a mirror that lags or has stopped is told, as of which block", async () => {
    for (const [change, words] of [
      [{ headNumber: 1_000_000 }, /Catching up with the chain, which is at block 1,000,000\. What you see is as of block \d/],
      [{ halted: "block 12 changed after it was final" }, /has stopped until an operator decides: block 12 changed after it was final\. What you see is as of block \d/],
    ]) {
      const stale = await context.newPage();
      await stale.route("**/v1/market", async (route) => {
        const response = await route.fetch();
        const market = await response.json();
        await route.fulfill({ response, json: { ...market, mirror: { ...market.mirror, ...change } } });
      });
      await stale.goto("/");
      await stale.getByText(words).waitFor();
      await picture(change.halted ? "halted" : "behind", stale);
      await stale.close();
    }
  });

  await check("being offline is told, and what was read stays", async () => {
    await page.goto("/");
    await page.getByRole("link", { name: "Confluence" }).waitFor();
    await context.setOffline(true);
    await page.getByText(/You are offline\. What you see is as of block \d/).waitFor();
    assert.ok(await page.getByRole("link", { name: "Confluence" }).isVisible());
    await context.setOffline(false);
    await page.getByText(/You are offline/).waitFor({ state: "detached" });
  });

  await check("the keyboard reaches the content, the header and the first work", async () => {
    await page.goto("/");
    await page.getByRole("link", { name: "Confluence" }).waitFor();
    const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim());
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Skip to the content");
    assert.ok(await page.getByText("Skip to the content").evaluate((link) => link.getBoundingClientRect().top >= 0), "the skip link stays hidden");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Tributary");
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, "solid", "the focus cannot be seen");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    for (let step = 0; step < 4; step++) await page.keyboard.press("Tab");
    const first = await works().first().textContent();
    assert.equal(await focused(), first);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: first }).waitFor();
  });

  await check("the API reference loads", async () => {
    const response = await page.goto("/docs");
    assert.ok(response?.ok(), `it answered ${response?.status()}`);
    await page.getByText("/v1/assets", { exact: true }).first().waitFor();
  });

  for (const [name, path] of Object.entries(paths)) await sound({ browser, url, check, picture }, name, path);

  await check("no page logged an error or broke the content security policy", () => assert.deepEqual(complaints, []));
  await context.close();
}

/** A page of its own that notes what goes wrong in it, and takes pictures where they are wanted. */
async function begin({ browser, url, screenshots }, prefix) {
  if (screenshots) mkdirSync(screenshots, { recursive: true });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, baseURL: url, colorScheme: "light" });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const complaints = [];
  watch(page, complaints);
  const picture = async (name, of = page) => {
    if (screenshots) await of.screenshot({ path: join(screenshots, `${prefix}${name}.png`), fullPage: true });
  };
  return { context, page, complaints, picture };
}

/** A page is accessible in both colour schemes, and fits phones. */
async function sound({ browser, url, check, picture }, name, path) {
  for (const scheme of ["light", "dark"]) {
    await check(`${name}: no serious accessibility violations, ${scheme}`, async () => {
      const themed = await browser.newContext({ baseURL: url, colorScheme: scheme, viewport: { width: 1280, height: 900 } });
      const view = await open(themed, path);
      if (scheme === "dark") {
        assert.equal(await view.evaluate(() => getComputedStyle(document.documentElement).backgroundColor), "rgb(18, 19, 21)");
        await picture(`${name}-dark`, view);
      }
      const why = view.getByRole("button", { name: /^Why/ });
      if ((await why.count()) > 0) await why.first().click();
      const { violations } = await new AxeBuilder({ page: view }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
      const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      assert.deepEqual(grave.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`), []);
      await themed.close();
    });
  }
  await check(`${name}: fits phones`, async () => {
    for (const width of PHONES) {
      const phone = await browser.newContext({ baseURL: url, viewport: { width, height: 780 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
      const view = await open(phone, path);
      const wide = await view.evaluate(() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth));
      assert.ok(wide <= width, `${wide} px wide on a phone of ${width} px`);
      assert.equal(await view.evaluate(() => innerWidth), width);
      if (width === PHONES[0]) await picture(`${name}-phone`, view);
      await phone.close();
    }
  });
}

/** What must hold of the pages over a catalogue that was traded in for two months. */
export async function traded({ browser, url, check, screenshots }) {
  const { context, page, complaints, picture } = await begin({ browser, url, screenshots }, "traded-");

  await check("the market tells of two months, day by day", async () => {
    await page.goto("/market");
    await page.getByText(/^Before \d{4}-\d\d-\d\d: \d+ sales in 7 days; /).waitFor({ timeout: MONEY_LIMIT });
    await page.getByRole("region", { name: "This week" }).getByText(/ETH$/).first().waitFor();
    const days = page.getByRole("region", { name: "Day by day" });
    await days.getByText("60 days", { exact: true }).waitFor({ timeout: MONEY_LIMIT });
    await days.getByText("As a table").click();
    assert.ok((await days.getByRole("row").count()) > 50, "the table lacks days");
    await picture("market");
  });

  await check("a work's price is learned from sales, with a range, what it was compared with, and reasons", async () => {
    await page.goto("/?q=Delta%20at%20noon");
    await page.getByRole("link", { name: "Delta at noon" }).click();
    const advice = page.getByRole("region", { name: "Advice on the price" });
    await advice.getByText("90 in 100 sell").waitFor({ timeout: MONEY_LIMIT });
    assert.equal(await advice.getByText(/^Do not rely on it: there are too few sales/).count(), 0);
    await advice.getByText("Why this price").click();
    await advice.getByRole("listitem").filter({ hasText: /^Delta (at dawn|at noon|in fog), sold on \d{4}-/ }).first().waitFor();
    await page.getByRole("region", { name: "Risk" }).getByText("Low risk").waitFor({ timeout: MONEY_LIMIT });
    await picture("work");
  });

  await check("a sale's own transfer is not told again", async () => {
    const history = page.getByRole("region", { name: "History" });
    await history.getByText("Sold").first().waitFor();
    assert.equal(await history.getByText("Transferred").count(), 0);
  });

  await sound({ browser, url, check, picture }, "traded market", "/market");
  await sound({ browser, url, check, picture }, "traded work", new URL(page.url()).pathname);
  await check("no page of the traded market logged an error", () => assert.deepEqual(complaints, []));
  await context.close();
}

/** Opens a page and waits until nothing of it is loading. */
async function open(context, path) {
  const page = await context.newPage();
  await page.goto(path);
  await page.getByRole("main").getByRole("heading").first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll(".skeleton").length === 0);
  await page.evaluate(() => document.fonts.ready);
  return page;
}

async function only(locator, expected) {
  const deadline = Date.now() + 10_000;
  let titles;
  do {
    titles = await locator.allTextContents();
    if (titles.length === expected.length && titles.every((title, place) => title === expected[place])) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (Date.now() < deadline);
  assert.deepEqual(titles, expected);
}

function watch(page, complaints) {
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // A browser logs each failed request; those this test asks for are expected.
    const expected = /status of (404|422)/.test(message.text()) || new URL(page.url()).pathname.startsWith("/docs");
    if (message.type() === "error" && !expected) complaints.push(message.text());
  });
}
