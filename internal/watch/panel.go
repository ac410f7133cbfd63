package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Colors of numbers.
const (
	green  = "green"
	orange = "orange"
	red    = "red"
)

// Sizes on the dashboard's grid of 24 columns.
const (
	graphWidth, graphHeight   = 8, 8
	numberWidth, numberHeight = 3, 4
)

// source is the data source that the dashboard's variable names.
var source = common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}

// query is one of a panel's. In its text {$} stands for the choice of instances, {$h} for that and the choice of hosts,
// and [$] for the time over which Grafana takes a rate.
type query struct{ text, legend string }

func (q query) target(n int) *prometheus.DataqueryBuilder {
	text := strings.NewReplacer(
		"{$h", `{instance=~"$instance", host=~"$host"`, "{$", `{instance=~"$instance"`, "[$]", "[$__rate_interval]",
	).Replace(q.text)
	return prometheus.NewDataqueryBuilder().Datasource(source).Expr(text).LegendFormat(q.legend).
		RefId(string(rune('A' + n)))
}

// quantiles are queries of a histogram's quantiles, all its labels together.
func quantiles(histogram, choice string) (all []query) {
	for _, q := range []struct{ quantile, legend string }{{"0.5", "p50"}, {"0.95", "p95"}, {"0.99", "p99"}} {
		all = append(all, query{
			"histogram_quantile(" + q.quantile + ", sum by (le) (rate(" + histogram + "_bucket" + choice + "[$])))", q.legend,
		})
	}
	return all
}

// p99 is a histogram's, by some of its labels.
func p99(histogram, choice, by, legend string) query {
	return query{
		"histogram_quantile(0.99, sum by (le, " + by + ") (rate(" + histogram + "_bucket" + choice + "[$])))", legend,
	}
}

// graph shows queries over time.
func graph(title, unit, about string, queries ...query) *timeseries.PanelBuilder {
	p := timeseries.NewPanelBuilder().Title(title).Description(about).Datasource(source).Unit(unit).
		Span(graphWidth).Height(graphHeight).Min(0).FillOpacity(10).ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).
			Sort(common.SortOrderDescending))
	for n, q := range queries {
		p.WithTarget(q.target(n))
	}
	return p
}

// number shows the last value of a query, in the color of the highest step that it has reached.
func number(title, unit, about, text string, steps ...dashboard.Threshold) *stat.PanelBuilder {
	return stat.NewPanelBuilder().Title(title).Description(about).Datasource(source).Unit(unit).
		Span(numberWidth).Height(numberHeight).ColorMode(common.BigValueColorModeBackground).
		GraphMode(common.BigValueGraphModeNone).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)).
		WithTarget(query{text, ""}.target(0))
}

// from is a step of colors; the first one has no value.
func from(value float64, color string) dashboard.Threshold {
	return dashboard.Threshold{Value: &value, Color: color}
}

func first(color string) dashboard.Threshold { return dashboard.Threshold{Color: color} }

// alarmFrom is green below a value and red from it on.
func alarmFrom(value float64) []dashboard.Threshold {
	return []dashboard.Threshold{first(green), from(value, red)}
}

// words are what a number's 0 and 1 say.
func words(zero, one string) []dashboard.ValueMapping {
	result := func(text string) dashboard.ValueMappingResult { return dashboard.ValueMappingResult{Text: &text} }
	return []dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{
		Type:    dashboard.MappingTypeValueToText,
		Options: map[string]dashboard.ValueMappingResult{"0": result(zero), "1": result(one)},
	}}}
}

// begin makes a dashboard with the variables that all have: the data source, and the instances of a metric.
func begin(uid, title, about, metric string) *dashboard.DashboardBuilder {
	return dashboard.NewDashboardBuilder(title).Uid(uid).Description(about).Tags([]string{"switchyard"}).Readonly().
		Time("now-1h", "now").Refresh("30s").Timezone("browser").Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Link(dashboard.NewDashboardLinkBuilder("Switchyard").Type(dashboard.DashboardLinkTypeDashboards).
			Tags([]string{"switchyard"}).KeepTime(true)).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("data source").Type("prometheus")).
		WithVariable(choice("instance", "label_values("+metric+", instance)"))
}

// choice is a variable of a label's values, of which several may be chosen.
func choice(name, values string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(name).Datasource(source).
		Query(dashboard.StringOrMap{String: &values}).Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).Multi(true).IncludeAll(true).
		Current(dashboard.VariableOption{
			Text:  dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value: dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
}

// row puts panels under a heading.
func row(d *dashboard.DashboardBuilder, title string, panels ...cog.Builder[dashboard.Panel]) {
	d.WithRow(dashboard.NewRowBuilder(title))
	for _, p := range panels {
		d.WithPanel(p)
	}
}
