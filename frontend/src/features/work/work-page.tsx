import { useQuery } from "@tanstack/react-query";
import { ApiProblem } from "../../api/problem";
import { kindName } from "../../lib/kinds";
import { AddressLink } from "../../ui/address-link";
import { Waiting } from "../../ui/loaded";
import { NotFound } from "../../ui/not-found";
import { PageTitle } from "../../ui/page";
import { Skeleton } from "../../ui/skeleton";
import { AdviceSection } from "./advice-section";
import { CoherenceSection } from "./coherence-section";
import { ContributorsSection } from "./contributors-section";
import { DistributionsSection } from "./distributions-section";
import { HistorySection } from "./history-section";
import { LineageSection } from "./lineage-section";
import { MoneySection } from "./money-section";
import { OrderSection } from "./order-section";
import { workQuery, type Work } from "./queries";
import { PartnersSection } from "./partners-section";
import { RecordSection } from "./record-section";
import { RiskSection } from "./risk-section";

export function WorkPage({ id }: { id: string }) {
  const query = useQuery(workQuery(id));
  if (query.data) return <Loaded work={query.data} />;
  if (query.error instanceof ApiProblem && query.error.notFound) return <NotFound what={`There is no work ${id}.`} />;
  return (
    <div className="py-8">
      <PageTitle>{`Work ${id}`}</PageTitle>
      <Waiting query={query} skeleton={<WorkSkeleton />} />
    </div>
  );
}

function Loaded({ work }: { work: Work }) {
  return (
    <article>
      <PageTitle>{work.title}</PageTitle>
      <header className="py-8">
        <p className="text-sm text-muted">
          {kindName(work.kind)} <span className="font-mono">{work.id}</span>, owned by <AddressLink address={work.owner} />
        </p>
        <h1 className="mt-1 max-w-4xl text-2xl font-semibold text-balance sm:text-3xl">{work.title}</h1>
        {work.description && <p className="mt-3 max-w-2xl whitespace-pre-line">{work.description}</p>}
      </header>
      {/* On a phone the price comes first and the record last. */}
      <div className="grid gap-x-12 pb-8 lg:grid-cols-[minmax(0,1fr)_22rem] lg:grid-rows-[auto_1fr]">
        <div className="lg:col-start-2">
          <OrderSection id={work.id} />
          <AdviceSection id={work.id} />
          <RiskSection id={work.id} />
          <MoneySection work={work} />
        </div>
        <div className="min-w-0 lg:col-start-1 lg:row-span-2 lg:row-start-1">
          <LineageSection id={work.id} />
          <ContributorsSection id={work.id} />
          {work.workId && <PartnersSection workId={work.workId} />}
          {work.sourceUrl && <CoherenceSection id={work.id} />}
          <HistorySection id={work.id} />
          <DistributionsSection id={work.id} />
        </div>
        <div className="lg:col-start-2">
          <RecordSection work={work} />
        </div>
      </div>
    </article>
  );
}

function WorkSkeleton() {
  return (
    <>
      <Skeleton className="h-5 w-56" />
      <Skeleton className="mt-2 h-10 w-96 max-w-full" />
      <Skeleton className="mt-3 h-6 w-80 max-w-full" />
      <div className="mt-8 grid gap-x-12 gap-y-8 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <Skeleton className="h-80 lg:order-last" />
        <Skeleton className="h-160" />
      </div>
    </>
  );
}
