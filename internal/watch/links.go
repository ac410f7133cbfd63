package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// links is what goes on between the switch and its issuers' hosts.
func links() *dashboard.DashboardBuilder {
	d := begin("switchyard-links", "Switchyard: links",
		"The links to issuers: whether they are up, how full, how fast, and what came that fits nothing.",
		"switchyard_link_up").
		WithVariable(choice("host", `label_values(switchyard_link_up{instance=~"$instance"}, host)`))
	row(d, "Links",
		graph("Signed on", units.NoUnit, "Links that take requests.",
			query{`sum by (instance, host) (switchyard_link_up{$h})`, "{{instance}} {{host}}"}),
		graph("Windows in use", units.PercentUnit, "Slots that are taken, of those that there are at the moment.",
			query{`sum by (host) (switchyard_link_window_in_use{$h}) / sum by (host) (switchyard_link_window{$h})`, "{{host}}"}).
			Max(1),
		graph("Windows", units.NoUnit, "Slots that there are: a slow host's windows narrow.",
			query{`sum by (host, link) (switchyard_link_window{$h})`, "{{host}}/{{link}}"}),
		graph("Sent", units.RequestsPerSecond, "Frames written.",
			query{`sum by (host, link) (rate(switchyard_link_sent_total{$h}[$]))`, "{{host}}/{{link}}"}),
		graph("Received", units.RequestsPerSecond, "Messages received.",
			query{`sum by (host, link) (rate(switchyard_link_received_total{$h}[$]))`, "{{host}}/{{link}}"}),
		graph("Reconnects", units.NoUnit, "Times in 5 minutes that a link was lost or could not be made.",
			query{`sum by (host, link) (increase(switchyard_link_reconnects_total{$h}[5m]))`, "{{host}}/{{link}}"}),
	)
	row(d, "Round trips",
		graph("Round trips", units.Seconds, "From being queued for the socket to the answer.",
			quantiles("switchyard_link_round_trip_seconds", "{$h}")...),
		graph("By host, p99", units.Seconds, "",
			p99("switchyard_link_round_trip_seconds", "{$h}", "host", "{{host}}")),
		graph("By link, p99", units.Seconds, "",
			p99("switchyard_link_round_trip_seconds", "{$h}", "host, link", "{{host}}/{{link}}")),
	)
	row(d, "What fits nothing",
		graph("Strays", units.RequestsPerSecond, "Messages that completed no request.",
			query{`sum by (host, kind) (rate(switchyard_link_strays_total{$h}[$]))`, "{{host}} {{kind}}"}),
		graph("Malformed and dropped", units.RequestsPerSecond, "Frames that are no message; strays that were not recorded.",
			query{`sum by (host, reason) (rate(switchyard_link_malformed_total{$h}[$]))`, "{{host}} {{reason}}"},
			query{`sum by (host) (rate(switchyard_link_events_dropped_total{$h}[$]))`, "{{host}} dropped"}),
		graph("Misread", units.NoUnit,
			"An hour: answers that name another card or processing code than was sent. Above 0 the host misreads DE2.",
			query{`sum by (host, field) (increase(switchyard_link_misread_total{$h}[1h]))`, "{{host}} {{field}}"}),
	)
	row(d, "Advices and numbers",
		graph("Queue", units.NoUnit, "Advices that wait for the host's acknowledgement.",
			query{`sum by (host) (switchyard_saf_queued{$h})`, "{{host}}"}),
		graph("STANs reserved", units.NoUnit, "Of hosts that repeat neither DE7 nor DE37: not given, their answer may come.",
			query{`sum by (host) (switchyard_stans_reserved{$h})`, "{{host}}"}),
		graph("STANs refused", units.NoUnit, "An hour: requests and captures that were refused, since no STAN was free.",
			query{`sum by (host) (increase(switchyard_stans_refused_total{$h}[1h]))`, "{{host}}"}),
	)
	return d
}
