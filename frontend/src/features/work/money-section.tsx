import { parseBaseUnits } from "../../lib/amount";
import { Amount } from "../../ui/amount";
import { Fact, Facts } from "../../ui/facts";
import { Section } from "../../ui/section";
import { Empty } from "../../ui/states";
import type { Work } from "./queries";

/** What came in for the work, and where it went. Distributed, reserved and waiting sum to received. */
export function MoneySection({ work }: { work: Work }) {
  return (
    <Section title="Money so far">
      {work.income.length === 0 && <Empty>Nothing has come in for this work itself yet.</Empty>}
      {work.income.map(({ currency, received, distributed, reserved }) => {
        const waiting = parseBaseUnits(received) - parseBaseUnits(distributed) - parseBaseUnits(reserved);
        return (
          <Facts key={currency}>
            <Fact name="Received">
              <Amount value={received} currency={currency} className="font-medium" />
            </Fact>
            <Fact name="Distributed">
              <Amount value={distributed} currency={currency} />
            </Fact>
            <Fact name="Reserved">
              <Amount value={reserved} currency={currency} />
            </Fact>
            {waiting > 0n && (
              <Fact name="Waiting">
                <Amount value={waiting} currency={currency} />
                <span className="text-xs text-muted">until its block is final</span>
              </Fact>
            )}
          </Facts>
        );
      })}
    </Section>
  );
}
