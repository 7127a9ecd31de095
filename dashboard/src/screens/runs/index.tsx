/** Runs: which there are, as they go on. */
import { ScreenHead } from "../../components/panel";
import { Forbidden } from "../../components/states";
import { useSearch } from "../../router";
import { useMay } from "../../session/hooks";
import { FilterFields } from "./filter-fields";
import { asked, filtersOf } from "./filters";
import { List } from "./list";

export default function Runs() {
  const filters = filtersOf(useSearch());
  const may = useMay("runs:read");
  const decisions = useMay("decisions:read");
  const { query, wrong } = asked(decisions ? filters : { ...filters, outcome: "" });
  return (
    <>
      <ScreenHead title="Runs" />
      {may ? (
        <>
          <FilterFields filters={filters} wrong={wrong} />
          <List key={JSON.stringify(query)} query={query} wrong={Object.values(wrong)} />
        </>
      ) : (
        <Forbidden needs="runs:read" />
      )}
    </>
  );
}
