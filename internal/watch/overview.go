package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// overview is what one looks at first: whether all is well, what is asked and answered, and who asks.
func overview() *dashboard.DashboardBuilder {
	d := begin("switchyard-overview", "Switchyard: overview",
		"Whether the switch is well, what gateways ask of it and what they are answered.", "switchyard_ready")
	row(d, "Now",
		number("Ready", units.NoUnit, "As /readyz says, of the worst of the instances.", `min(switchyard_ready{$})`,
			first(red), from(1, green)).Mappings(words("no", "yes")),
		number("Held", units.NoUnit, "After a restore the switch waits for switchctl restore confirm.",
			`max(switchyard_held{$})`, alarmFrom(1)...).Mappings(words("no", "yes")),
		number("Hosts without a link", units.NoUnit, "Issuers' hosts with no link that is signed on.",
			`count(max by (instance, host) (switchyard_link_up{$}) == 0) or vector(0)`, alarmFrom(1)...),
		number("Parked advices", units.NoUnit, "A person decides on each: switchctl saf list --parked.",
			`sum(switchyard_saf_parked{$})`, alarmFrom(1)...),
		number("Dates without files", units.NoUnit, "Closed business dates whose files cannot be written so far.",
			`sum(switchyard_clearing_dates_failing{$})`, alarmFrom(1)...),
		number("Clock", units.NoUnit, "Unconfirmed: nothing expires and no date is closed, see switchctl clock.",
			`max(switchyard_clock_unconfirmed{$})`, alarmFrom(1)...).Mappings(words("confirmed", "in doubt")),
		number("Broken invariants", units.NoUnit, "Transitions that break a money invariant: a fault of the switch.",
			`sum(switchyard_money_invariant_broken_total{$})`, alarmFrom(1)...),
		number("Newest backup", units.Seconds, "How old it is; without one since the start, how long that is ago.",
			`max(time() - (switchyard_backup_timestamp_seconds{$} > 0 or process_start_time_seconds{$}))`,
			first(green), from(26*3600, orange), from(50*3600, red)),
	)
	row(d, "Requests",
		graph("Requests by operation", units.RequestsPerSecond, "Requests that reached the flows.",
			query{`sum by (op) (rate(switchyard_requests_total{$}[$]))`, "{{op}}"}),
		graph("Requests by outcome", units.RequestsPerSecond, "Approved, declined, or an error code.",
			query{`sum by (outcome) (rate(switchyard_requests_total{$}[$]))`, "{{outcome}}"}),
		graph("First outcomes", units.RequestsPerSecond,
			"What was sent, by what came of it. Unknown: no answer, so that it is reversed.",
			query{`sum by (outcome) (rate(switchyard_intents_total{$, outcome!="begun"}[$]))`, "{{outcome}}"}),
		graph("Share of first outcomes", units.PercentUnit, "Of all that was begun.",
			query{`sum by (outcome) (rate(switchyard_intents_total{$, outcome!="begun"}[$])) / ignoring (outcome) ` +
				`group_left sum (rate(switchyard_intents_total{$, outcome="begun"}[$]))`, "{{outcome}}"}),
		graph("Under way", units.NoUnit, "Requests with the flows, and intents without an outcome.",
			query{`sum(switchyard_gateway_requests_in_flight{$})`, "requests"},
			query{`sum(switchyard_intents_total{$, outcome="begun"}) - ` +
				`sum(switchyard_intents_total{$, outcome!="begun"})`, "intents"}),
		graph("Done because it was due", units.NoUnit, "An hour: captures by the switch, ends of capture windows, releases.",
			query{`sum by (what) (increase(switchyard_due_total{$}[1h]))`, "{{what}}"}),
	)
	row(d, "Latency",
		graph("Answers", units.Seconds, "From a line read to its answer queued, all operations.",
			quantiles("switchyard_gateway_request_seconds", "{$}")...),
		graph("Answers by operation, p99", units.Seconds, "From a decoded request to its durable answer.",
			p99("switchyard_request_seconds", "{$}", "op", "{{op}}")),
		graph("Stages, p99", units.Seconds,
			"slot: room towards the issuer; intent and outcome: the two commits; issuer: sent to answered.",
			p99("switchyard_stage_seconds", "{$}", "stage", "{{stage}}")),
	)
	row(d, "Gateways",
		graph("Connections", units.NoUnit, "Open connections, and wrong hellos whose refusal is held back.",
			query{`sum by (instance) (switchyard_gateway_connections{$})`, "{{instance}}"},
			query{`sum(switchyard_gateway_hellos_held{$})`, "hellos held"}),
		graph("Connections closed", units.CountsPerSecond, "By the reason.",
			query{`sum by (reason) (rate(switchyard_gateway_connections_closed_total{$}[$]))`, "{{reason}}"}),
		graph("Answers by outcome", units.RequestsPerSecond, "What gateways were answered, with what was refused at a bound.",
			query{`sum by (outcome) (rate(switchyard_gateway_requests_total{$}[$])) > 0`, "{{outcome}}"}),
		graph("Lines rejected", units.RequestsPerSecond,
			"What did not reach the flows: malformed, not allowed, beyond a bound.",
			query{`sum by (code) (rate(switchyard_gateway_lines_rejected_total{$}[$]))`, "{{code}}"}),
		graph("Refused at a gateway's bound", units.RequestsPerSecond,
			"busy, because the gateway had as much in flight as it may.",
			query{`sum by (gateway) (rate(switchyard_gateway_refused_at_bound_total{$}[$]))`, "{{gateway}}"},
			query{`sum(rate(switchyard_gateway_reads_paused_total{$}[$]))`, "reads paused"}),
		graph("Wrong hellos", units.NoUnit, "An hour, by the gateway that they named; the log says from where.",
			query{`sum by (gateway) (increase(switchyard_gateway_wrong_hellos_total{$}[1h]))`, "{{gateway}}"}),
		graph("Lists of revoked certificates", units.Seconds, "How long until the next one is due; below 0 it is overdue.",
			query{`switchyard_crl_next_update_timestamp_seconds{$} - time()`, "{{instance}} {{file}}"}),
		graph("Lists that count", units.NoUnit, "1 while what stands in the file is what counts.",
			query{`min by (instance, file) (switchyard_crl_taken{$})`, "{{instance}} {{file}}"}),
	)
	row(d, "Store and forward",
		graph("Queue", units.NoUnit, "Advices that wait for the issuer's acknowledgement.",
			query{`sum by (host) (switchyard_saf_queued{$})`, "{{host}}"}),
		graph("Sendings", units.RequestsPerSecond, "By what came of them.",
			query{`sum by (outcome) (rate(switchyard_saf_attempts_total{$}[$]))`, "{{outcome}}"}),
		graph("Clock behind", units.Seconds, "How far it is behind the latest time that it has shown.",
			query{`max by (instance) (switchyard_clock_behind_seconds{$})`, "{{instance}}"}),
	)
	row(d, "Process",
		graph("Processors", units.NoUnit, "How many the process keeps busy.",
			query{`rate(process_cpu_seconds_total{$}[$])`, "{{instance}}"}),
		graph("Memory", units.BytesIEC, "Resident, and Go's heap in use.",
			query{`process_resident_memory_bytes{$}`, "{{instance}} resident"},
			query{`go_memstats_heap_inuse_bytes{$}`, "{{instance}} heap"}),
		graph("Goroutines and files", units.NoUnit, "Goroutines, open file descriptors.",
			query{`go_goroutines{$}`, "{{instance}} goroutines"},
			query{`process_open_fds{$}`, "{{instance}} files"}),
	)
	return d
}
