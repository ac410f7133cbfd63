package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// clearing is the business day: the files that go out, those that come back, and whether hosts are in balance.
func clearing() *dashboard.DashboardBuilder {
	d := begin("switchyard-clearing", "Switchyard: clearing",
		"Business dates and their files, what comes back of them, and whether hosts are in balance.",
		"switchyard_clearing_dates_failing")
	row(d, "Now",
		number("Dates without files", units.NoUnit, "Closed and not written so far: switchctl days says why.",
			`sum(switchyard_clearing_dates_failing{$})`, alarmFrom(1)...),
		number("Records aside", units.NoUnit, "Could not be built when the last date was sealed; they stand in no file.",
			`sum(switchyard_clearing_records_aside{$})`, alarmFrom(1)...),
		number("Dates to release", units.NoUnit, "Sealed dates whose files wait for two people.",
			`sum(switchyard_clearing_dates_unreleased{$})`, first(green), from(1, orange), from(2, red)),
		number("Windows to release", units.NoUnit, "Windows whose files wait for two people.",
			`sum(switchyard_clearing_windows_unreleased{$})`, first(green), from(1, orange)),
		number("Out of balance", units.NoUnit, "Dates of the last 60 days that a host says are out of balance.",
			`sum(switchyard_reconciliations_out_of_balance{$}) or vector(0)`, alarmFrom(1)...),
		number("Hosts' answers missing", units.NoUnit, "Sealed dates that a host has not answered for yet.",
			`sum(switchyard_reconciliations_open{$}) or vector(0)`, first(green), from(1, orange), from(3, red)),
	)
	row(d, "Files that go out",
		graph("Dates", units.NoUnit, "Without files, and waiting for their release.",
			query{`sum by (instance) (switchyard_clearing_dates_failing{$})`, "{{instance}} without files"},
			query{`sum by (instance) (switchyard_clearing_dates_unreleased{$})`, "{{instance}} dates to release"},
			query{`sum by (instance) (switchyard_clearing_windows_unreleased{$})`, "{{instance}} windows to release"}),
		graph("Records aside", units.NoUnit, "They stand in no file until they can be built.",
			query{`sum by (instance) (switchyard_clearing_records_aside{$})`, "{{instance}}"}),
	)
	row(d, "Files that come back",
		graph("Files", units.NoUnit, "An hour, taken and refused.",
			query{`sum by (outcome) (increase(switchyard_clearing_incoming_files_total{$}[1h]))`, "{{outcome}}"}),
		graph("Records", units.NoUnit, "An hour: presentments moved, by how, and exceptions, which a person looks at.",
			query{`sum by (outcome) (increase(switchyard_clearing_incoming_records_total{$}[1h]))`, "{{outcome}}"}),
	)
	row(d, "Reconciliation",
		graph("Answers", units.NoUnit, "A day, by host and result.",
			query{`sum by (host, result) (increase(switchyard_reconciliations_total{$}[1d]))`, "{{host}} {{result}}"}),
		graph("Dates", units.NoUnit, "Not answered for yet, and out of balance.",
			query{`sum by (host) (switchyard_reconciliations_open{$})`, "{{host}} open"},
			query{`sum by (host) (switchyard_reconciliations_out_of_balance{$})`, "{{host}} out of balance"}),
	)
	return d
}
