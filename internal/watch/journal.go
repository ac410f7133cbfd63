package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// journal is the disk's health: two syncs of it are in each payment's latency.
func journal() *dashboard.DashboardBuilder {
	d := begin("switchyard-journal", "Switchyard: journal",
		"The journal and the disk under it: two syncs are in each payment's latency.", "switchyard_journal_waiting")
	row(d, "Commits",
		graph("Syncs", units.Seconds, "How long a group of commits waited for its sync.",
			quantiles("switchyard_journal_sync_seconds", "{$}")...),
		graph("Commits", units.Seconds, "A commit's whole wait.",
			quantiles("switchyard_journal_commit_seconds", "{$}")...),
		graph("Commits and syncs", units.OpsPerSecond, "How many commits, in how many groups.",
			query{`sum(rate(switchyard_journal_commit_seconds_count{$}[$]))`, "commits"},
			query{`sum(rate(switchyard_journal_sync_seconds_count{$}[$]))`, "syncs"}),
		graph("Commits in a group", units.NoUnit, "How many share a sync.",
			append(quantiles("switchyard_journal_group_commits", "{$}"),
				query{`sum(rate(switchyard_journal_group_commits_sum{$}[$])) / ` +
					`sum(rate(switchyard_journal_group_commits_count{$}[$]))`, "mean"})...),
		graph("Waiting", units.NoUnit, "Commits that wait to be taken into a group.",
			query{`sum by (instance) (switchyard_journal_waiting{$})`, "{{instance}}"}),
		graph("Broken invariants", units.NoUnit, "Since the start. Above 0: a fault of the switch.",
			query{`sum by (instance) (switchyard_money_invariant_broken_total{$})`, "{{instance}}"}),
	)
	row(d, "Disk",
		graph("Free", units.BytesIEC, "Below the reserve new work is refused.",
			query{`min by (instance) (switchyard_disk_free_bytes{$})`, "{{instance}} free"},
			query{`max by (instance) (switchyard_disk_reserve_bytes{$})`, "{{instance}} reserve"}),
		graph("Journal", units.BytesIEC, "What it takes on disk.",
			query{`sum by (instance) (switchyard_journal_disk_bytes{$})`, "{{instance}}"}),
		graph("Write-ahead log", units.BytesIEC, "Live log.",
			query{`sum by (instance) (switchyard_journal_wal_bytes{$})`, "{{instance}}"}),
		graph("Written to the log", units.BytesPerSecondIEC, "",
			query{`sum by (instance) (rate(switchyard_journal_wal_written_bytes_total{$}[$]))`, "{{instance}}"}),
	)
	row(d, "Pebble",
		graph("Compaction debt", units.BytesIEC,
			"Estimate of what is left to compact: growing for hours the disk is too slow.",
			query{`sum by (instance) (switchyard_journal_compaction_debt_bytes{$})`, "{{instance}}"}),
		graph("Flushes and compactions", units.CountsPerSecond, "",
			query{`sum(rate(switchyard_journal_flushes_total{$}[$]))`, "flushes"},
			query{`sum(rate(switchyard_journal_compactions_total{$}[$]))`, "compactions"}),
		graph("Memory tables", units.BytesIEC, "",
			query{`sum by (instance) (switchyard_journal_memtable_bytes{$})`, "{{instance}}"}),
		graph("Read amplification", units.NoUnit, "Tables that a look-up may have to search.",
			query{`max by (instance) (switchyard_journal_read_amplification{$})`, "{{instance}}"}),
		graph("Block cache", units.PercentUnit, "Share of look-ups that it serves.",
			query{`sum by (instance) (rate(switchyard_journal_cache_hits_total{$}[$])) / ` +
				`(sum by (instance) (rate(switchyard_journal_cache_hits_total{$}[$])) + ` +
				`sum by (instance) (rate(switchyard_journal_cache_misses_total{$}[$])))`, "{{instance}}"}).
			Max(1),
	)
	return d
}
