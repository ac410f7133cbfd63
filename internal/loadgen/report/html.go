package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"switchyard/internal/loadgen/record"
)

// uPlot draws. Its version, licence and sums stand in docs/design.md.
var (
	//go:embed uplot/uPlot.iife.min.js
	uplotJS string
	//go:embed uplot/uPlot.min.css
	uplotCSS string
	//go:embed uplot/LICENSE
	uplotLicence string
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"millis": millis, "number": number, "check": Check, "where": where,
	"seconds": func(d time.Duration) string { return number(d.Seconds()) },
	"micros":  func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Microsecond)) },
}).Parse(pageText))

// tile is a figure at the head of the page.
type tile struct{ Label, Value, Note string }

// row is an operation of the page's table.
type row struct {
	Name             string
	Requests         uint64
	PerSecond        string
	Approved, Failed uint64
	Latency, Service *record.Quantiles
	All              bool
}

// HTML writes one page that holds all that it needs: a browser that opens it asks nobody for anything.
func HTML(w io.Writer, r *record.Run) error {
	data, err := json.Marshal(chartsOf(r))
	if err != nil {
		return err
	}
	all := r.Total()
	v := map[string]any{
		"Run": r, "All": &all, "How": how(r), "Command": commandLine(r.Command), "Tiles": tiles(r, &all),
		"Versions": versions(r), "Rows": rows(r, &all), "Late": record.QuantilesOf(r.Lateness), "Failures": wrong(r),
		"Tails": shares(r),
		// They are files of ours, and JSON that encoding/json has escaped for HTML.
		"UplotCSS": template.CSS(uplotCSS), "CSS": template.CSS(pageCSS), "UplotJS": template.JS(uplotJS),
		"JS": template.JS(pageJS), "Data": template.JS(data), "Licence": strings.TrimSpace(uplotLicence),
	}
	return page.Execute(w, v)
}

// tiles are what one looks for first.
func tiles(r *record.Run, all *record.Operation) (list []tile) {
	rate := func(n uint64) string {
		if r.Window <= 0 {
			return "–"
		}
		return number(float64(n) / r.Window.Seconds())
	}
	if all.Asked != nil {
		list = append(list, tile{"asked", rate(*all.Asked), "requests due a second"})
	}
	if f := r.Flows; f != nil {
		n, note := f.Ended, "a second"
		if f.Asked != nil {
			n, note = *f.Asked, "flows due a second"
		}
		list = append(list, tile{"flows", rate(n), note})
	}
	list = append(list, tile{"approved", rate(all.Count(record.Approved)), "a second"})
	if q := record.QuantilesOf(all.Latency); q != nil {
		list = append(list, tile{"p50", millis(q.P50MS), "since due"}, tile{"p99", millis(q.P99MS), "since due"},
			tile{"p99.9", millis(q.P999MS), "since due"}, tile{"most", millis(q.MaxMS), "since due"})
	}
	if c := r.Connections; c != nil {
		list = append(list, tile{"connections lost", fmt.Sprint(c.Lost), fmt.Sprintf("%d redialled", c.Redialled)})
	}
	if all.WithoutLatency > 0 {
		list = append(list, tile{"no latency", fmt.Sprint(all.WithoutLatency), "no connection took them"})
	}
	share := "none"
	if n, failed := all.Ended(), all.Failed(); n > 0 && failed > 0 {
		share = number(100*float64(failed)/float64(n)) + "% of the requests"
	}
	return append(list, tile{"failed", fmt.Sprint(all.Failed()), share})
}

func rows(r *record.Run, all *record.Operation) (list []row) {
	add := func(op *record.Operation, isAll bool) {
		if op.Ended() == 0 {
			return
		}
		list = append(list, row{
			Name: op.Name, Requests: op.Ended(), PerSecond: number(float64(op.Ended()) / r.Window.Seconds()),
			Approved: op.Count(record.Approved), Failed: op.Failed(), Latency: record.QuantilesOf(op.Latency),
			Service: record.QuantilesOf(op.Service), All: isAll,
		})
	}
	if len(r.Operations) > 1 {
		for i := range r.Operations {
			add(&r.Operations[i], false)
		}
	}
	add(all, true)
	return list
}

// commandLine is a command as it can be typed again.
func commandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n'\"$&;|<>()*?`\\") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " ")
}
