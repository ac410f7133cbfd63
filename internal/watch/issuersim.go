package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// issuerSim is the simulator: what it was sent and answered, which faults it put in, and its books.
func issuerSim() *dashboard.DashboardBuilder {
	d := begin("switchyard-issuer-sim", "Switchyard: issuer-sim",
		"The issuer simulator: messages, faults that its rules put in, and its books.", "issuersim_connections")
	row(d, "Messages",
		graph("By message type", units.RequestsPerSecond, "Requests and advices that were answered.",
			query{`sum by (mti) (rate(issuersim_messages_total{$}[$]))`, "{{mti}}"}),
		graph("By response code", units.RequestsPerSecond, "DE39 of the answers.",
			query{`sum by (code) (rate(issuersim_messages_total{$}[$]))`, "{{code}}"}),
		graph("Repeats and silence", units.RequestsPerSecond, "Answered from memory; on test cards that are never answered.",
			query{`sum(rate(issuersim_repeats_total{$}[$]))`, "repeats"},
			query{`sum(rate(issuersim_unanswered_total{$}[$]))`, "never answered"}),
		graph("Faults", units.RequestsPerSecond, "Put in by the rules, by kind.",
			query{`sum by (kind) (rate(issuersim_faults_total{$}[$]))`, "{{kind}}"}),
		graph("Bad frames", units.RequestsPerSecond, "Not worked on, by reason.",
			query{`sum by (reason) (rate(issuersim_bad_frames_total{$}[$]))`, "{{reason}}"}),
		graph("Delays", units.NoUnit, "Answers that wait for their time; those that did not, a second.",
			query{`sum(issuersim_delayed_answers{$})`, "waiting"},
			query{`sum(rate(issuersim_delays_skipped_total{$}[$]))`, "skipped"}),
	)
	row(d, "Connections and batches",
		graph("Connections", units.NoUnit, "Open.",
			query{`sum by (instance) (issuersim_connections{$})`, "{{instance}}"}),
		graph("Connections made", units.CountsPerSecond, "Accepted, refused at the limit, failed.",
			query{`sum(rate(issuersim_connections_accepted_total{$}[$]))`, "accepted"},
			query{`sum(rate(issuersim_connections_refused_total{$}[$]))`, "refused"},
			query{`sum(rate(issuersim_accept_errors_total{$}[$]))`, "failed"}),
		graph("Batches", units.Seconds, "From reading a batch to having written its answers.",
			quantiles("issuersim_batch_seconds", "{$}")...),
		graph("Messages in a batch", units.NoUnit, "Read in one go and answered in one write.",
			quantiles("issuersim_batch_messages", "{$}")...),
		graph("Data log", units.BytesPerSecondIEC, "Bytes appended.",
			query{`sum by (instance) (rate(issuersim_log_bytes_total{$}[$]))`, "{{instance}}"}),
		graph("Writes to the data log", units.OpsPerSecond, "",
			query{`sum by (instance) (rate(issuersim_log_writes_total{$}[$]))`, "{{instance}}"}),
	)
	row(d, "Books",
		number("Balanced", units.NoUnit, "Whether the books of every currency balance.", `min(issuersim_ledger_balanced{$})`,
			first(red), from(1, green)).Mappings(words("no", "yes")),
		number("Expired holds", units.NoUnit, "Authorizations that were forgotten with money still held.",
			`sum(issuersim_expired_holds_total{$})`, first(green), from(1, orange)),
		graph("Balances", units.NoUnit, "In minor units, by currency and account.",
			query{`sum by (currency, account) (issuersim_ledger_minor{$})`, "{{currency}} {{account}}"}),
		graph("Kept", units.NoUnit, "In memory: cards, authorizations, messages.",
			query{`sum by (what) (issuersim_kept{$})`, "{{what}}"}),
	)
	return d
}
