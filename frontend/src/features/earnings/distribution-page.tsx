import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ApiProblem } from "../../api/problem";
import { count } from "../../lib/share";
import { AddressLink } from "../../ui/address-link";
import { Amount } from "../../ui/amount";
import { Waiting } from "../../ui/loaded";
import { NotFound } from "../../ui/not-found";
import { PageTitle } from "../../ui/page";
import { Section } from "../../ui/section";
import { Skeleton } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { Time } from "../../ui/time";
import { distributionQuery, type DistributionDetail } from "./queries";
import { Why } from "./why";

export function DistributionPage({ id }: { id: string }) {
  const query = useQuery(distributionQuery(id));
  if (query.error instanceof ApiProblem && query.error.notFound) return <NotFound what={`There is no distribution ${id}.`} />;
  return (
    <div className="max-w-4xl py-8">
      <PageTitle>{`Distribution ${id}`}</PageTitle>
      {query.data ? <Division distribution={query.data} /> : <Waiting query={query} skeleton={<DivisionSkeleton />} />}
    </div>
  );
}

function Division({ distribution }: { distribution: DistributionDetail }) {
  const { id, assetId, amount, distributed, reserved, currency, createdAt, throughBlock, policy } = distribution;
  return (
    <>
      <p className="text-sm text-muted">
        One exact division of the income of{" "}
        <Link to="/assets/$id" params={{ id: assetId }} className="link">
          work {assetId}
        </Link>
      </p>
      <h1 className="mt-1 text-2xl font-semibold sm:text-3xl">Distribution {id}</h1>
      <dl className="mt-6 grid gap-x-6 gap-y-4 border-y border-line py-4 sm:grid-cols-[auto_auto_1fr]">
        <Sum name="Amount" sign="" value={amount} currency={currency} />
        <Sum name="Distributed" sign="=" value={distributed} currency={currency} />
        <Sum name="Reserved" sign="+" value={reserved} currency={currency} />
      </dl>
      <p className="mt-3 mb-8 flex flex-wrap gap-x-4 text-sm text-muted">
        <Time at={createdAt} />
        <span>covers income up to block {throughBlock.toLocaleString("en")}, final</span>
        <span>policy: {policy.replaceAll("_", " ")}</span>
      </p>
      <Payouts distribution={distribution} />
      <Reserves distribution={distribution} />
    </>
  );
}

function Sum({ name, sign, value, currency }: { name: string; sign: string; value: string; currency: string }) {
  return (
    <div>
      <dt className="text-sm text-muted">{name}</dt>
      <dd className="text-xl font-medium">
        {sign && (
          <span aria-hidden="true" className="mr-2 font-normal text-muted">
            {sign}
          </span>
        )}
        <Amount value={value} currency={currency} />
      </dd>
    </div>
  );
}

function Payouts({ distribution }: { distribution: DistributionDetail }) {
  const { payouts, payoutCount, currency } = distribution;
  return (
    <Section title="Payouts" note={count(payoutCount, "account")}>
      {payouts.length === 0 && <Empty>All of it is reserved: nobody upstream has an address yet.</Empty>}
      <ol>
        {payouts.map(({ payoutId, account, amount }) => (
          <li key={payoutId} className="flex flex-wrap items-baseline gap-x-4 border-t border-line py-3 first:border-t-0 first:pt-0">
            <AddressLink address={account} />
            <Why payoutId={payoutId} account={account} />
            <Amount value={amount} currency={currency} className="ml-auto text-right font-medium" />
          </li>
        ))}
      </ol>
      <More shown={payouts.length} all={payoutCount} />
    </Section>
  );
}

function Reserves({ distribution }: { distribution: DistributionDetail }) {
  const { reserves, reserveCount, currency } = distribution;
  return (
    <Section title="Reserves" note={count(reserveCount, "beneficiary", "beneficiaries")}>
      {reserves.length === 0 && <Empty>Nothing is reserved: everyone upstream has an address.</Empty>}
      <ol>
        {reserves.map(({ beneficiary, amount, released }, place) => (
          <li key={place} className="flex flex-wrap items-baseline justify-between gap-x-4 border-t border-line py-2 text-sm first:border-t-0 first:pt-0">
            <span className={beneficiary.startsWith("pkg:") ? "font-mono text-xs" : ""}>{beneficiary}</span>
            <span className="ml-auto text-right">
              {released && <span className="mr-3 text-positive">released</span>}
              <Amount value={amount} currency={currency} />
            </span>
          </li>
        ))}
      </ol>
      <More shown={reserves.length} all={reserveCount} />
    </Section>
  );
}

function More({ shown, all }: { shown: number; all: number }) {
  return all > shown ? <p className="mt-2 text-sm text-muted">And {(all - shown).toLocaleString("en")} more, smaller ones.</p> : null;
}

function DivisionSkeleton() {
  return (
    <>
      <Skeleton className="h-5 w-64 max-w-full" />
      <Skeleton className="mt-2 h-9 w-56" />
      <Skeleton className="mt-6 h-21" />
      <Skeleton className="mt-16 h-64" />
    </>
  );
}
