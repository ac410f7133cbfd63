package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/internal/words"
	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/operator"
)

// newDaysCmd is `switchctl days`: the business dates of a running switch, and what keeps one from being written.
func newDaysCmd() *cobra.Command {
	var asked operatorflags.Flags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "days [DATE]",
		Short: "List the business dates of a running switch, and what is wrong with one",
		Long: `List the business dates of a running switch: where each stands (open, closing, sealed, written), how many
files and presentments it has, its windows, what waits for its release, why it could not be closed so far, and which
records could not be built and were put aside. With DATE, YYYY-MM-DD, that one alone, and of it what its files are made with, what they add up to, and where they
stand.

Exit codes: 0 nothing is in the way; 1 a date could not be closed so far, it or a window waits to be released, or the one
that was sealed last has records put aside; 2 no answer, or no such date.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := asked.Client()
			if err != nil {
				return err
			}
			exported, err := api.Days(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if exported, err = theDate(exported, args[0]); err != nil {
					return err
				}
			}
			days := make([]businessDay, len(exported))
			for i := range exported {
				if days[i], err = dayOf(&exported[i]); err != nil {
					return err
				}
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), exported)
			} else {
				err = writeDays(cmd.OutOrStdout(), days)
				if err == nil && len(args) == 1 {
					err = days[0].writeFiles(cmd.OutOrStdout())
				}
			}
			if err == nil && inTheWay(days) {
				return errNo
			}
			return err
		},
	}
	asked.Add(cmd.Flags(), defaultOperator)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the switch's answer as JSON")
	return cmd
}

// theDate picks one of the dates.
func theDate(days []operator.DayExport, date string) ([]operator.DayExport, error) {
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return nil, fmt.Errorf("%q: expected a business date, YYYY-MM-DD", date)
	}
	at := slices.IndexFunc(days, func(d operator.DayExport) bool { return d.Date == date })
	switch {
	case at >= 0:
		return days[at : at+1], nil
	case len(days) == 0:
		return nil, fmt.Errorf("%s: the switch has no business date yet", date)
	}
	return nil, fmt.Errorf("%s: the switch has no such business date; it has %s to %s", date, days[0].Date,
		days[len(days)-1].Date)
}

// businessDay is a business date with what the list reads of its data.
type businessDay struct {
	*operator.DayExport
	data struct {
		SealedAt    time.Time `json:"sealed_at"`
		ProcessorID string    `json:"processor_id"`
		fileForm
		Forms      map[string]fileForm `json:"forms"` // of destinations whose files have another one
		Production bool                `json:"production"`
		Files      []struct {
			Records int `json:"records"`
		} `json:"files"`
		Aside   *cutover.Aside `json:"aside"`
		Held    []string       `json:"held"`
		Windows []window       `json:"windows"`
		// Release is there where the files wait until people release them, or did so.
		Release *cutover.Release `json:"release"`
		// Refused is there where people refused them.
		Refused *cutover.Refusal `json:"refused"`
		// Result is there once the files are written; plans of before files were split count records only in it.
		Result *cutover.Result `json:"result"`
	}
}

// fileForm is how clearing files are written.
type fileForm struct {
	CodePage string `json:"code_page"`
	Blocked  bool   `json:"blocked"`
	RDW      bool   `json:"rdw"`
}

func (f fileForm) String() string {
	return fmt.Sprintf("%s, %s", f.CodePage, clearing.Framing{Blocked: f.Blocked, RDW: f.RDW})
}

// window is a part of a destination's date that is sealed by itself.
type window struct {
	Destination string    `json:"destination"`
	Window      int       `json:"window"`
	SealedAt    time.Time `json:"sealed_at"`
	Files       []struct {
		Records int `json:"records"`
	} `json:"files"`
	Release *cutover.Release `json:"release"`
	Result  *cutover.Result  `json:"result"`
}

func dayOf(x *operator.DayExport) (businessDay, error) {
	d := businessDay{DayExport: x}
	if len(x.Data) == 0 {
		return d, nil
	}
	if err := json.Unmarshal(x.Data, &d.data); err != nil {
		return d, fmt.Errorf("business date %s: data: %w", x.Date, err)
	}
	return d, nil
}

func (d *businessDay) counts() (files, presentments int) {
	if r := d.data.Result; r != nil {
		for i := range r.Files {
			presentments += r.Files[i].Records
		}
		return len(r.Files), presentments
	}
	for i := range d.data.Windows {
		for _, f := range d.data.Windows[i].Files {
			files, presentments = files+1, presentments+f.Records
		}
	}
	for i := range d.data.Files {
		files, presentments = files+1, presentments+d.data.Files[i].Records
	}
	return files, presentments
}

// windows lists the destinations that have windows on the date, with how many they have.
func (d *businessDay) windows() []string {
	return counted(d.data.Windows, func(*window) bool { return true })
}

// counted lists the destinations of which some windows are meant, with how many.
func counted(windows []window, meant func(*window) bool) (list []string) {
	count := map[string]int{}
	for i := range windows {
		if w := &windows[i]; meant(w) {
			count[w.Destination]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(count)) {
		list = append(list, fmt.Sprintf("%s %d", name, count[name]))
	}
	return list
}

// waitingWindows lists the destinations of which windows wait until people release them, with how many do.
func (d *businessDay) waitingWindows() []string {
	return counted(d.data.Windows, func(w *window) bool { return waits(w.Release) })
}

// wroteWindow tells whether the files of a window of a destination are written.
func (d *businessDay) wroteWindow(destination string, n int) bool {
	return slices.ContainsFunc(d.data.Windows, func(w window) bool {
		return w.Window == n && w.Destination == destination && w.Result != nil
	})
}

// writeFiles tells what the files of a date are made with, and of those that are written what is in them.
func (d *businessDay) writeFiles(w io.Writer) error {
	for i := range d.data.Windows {
		x := &d.data.Windows[i]
		is := "sealed"
		switch {
		case len(x.Files) == 0:
			is = "being sealed"
		case waits(x.Release):
			is = "sealed, waits for release"
		case x.Result == nil:
			is = "sealed, not written"
		}
		fmt.Fprintf(w, "window %d of %s, of %s: %s%s\n", x.Window, x.Destination, x.SealedAt.UTC().Format(time.RFC3339), is,
			released(x.Release))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if d.data.SealedAt.IsZero() {
		for i := range d.data.Windows {
			if r := d.data.Windows[i].Result; r != nil {
				writeClearingFiles(t, r.Files)
			}
		}
		return t.Flush()
	}
	mode := "test"
	if d.data.Production {
		mode = "production"
	}
	fmt.Fprintf(w, "sealed at %s: processor %s, %s, %s\n", d.data.SealedAt.UTC().Format(time.RFC3339),
		d.data.ProcessorID, d.data.fileForm, mode)
	for _, name := range slices.Sorted(maps.Keys(d.data.Forms)) {
		fmt.Fprintf(w, "files of %s: %s\n", name, d.data.Forms[name])
	}
	if r := d.data.Refused; r != nil {
		fmt.Fprintf(w, "refused at %s by %s: %s\n", r.At.UTC().Format(time.RFC3339), r.By, r.Reason)
		for _, f := range r.Files {
			fmt.Fprintf(w, "never made: %s, file %s, %s\n", f.Destination, f.FileID, words.Count(f.Records, "presentment"))
		}
	}
	if by := released(d.data.Release); by != "" {
		fmt.Fprintln(w, strings.TrimPrefix(by, ", "))
	}
	if d.data.Result == nil {
		return nil
	}
	writeClearingFiles(t, d.data.Result.Files)
	return t.Flush()
}

// waits tells whether files wait until people release them.
func waits(r *cutover.Release) bool { return r != nil && r.By == "" }

// released tells when and by whom files were released that waited for it, behind something else.
func released(r *cutover.Release) string {
	if r == nil || r.By == "" {
		return ""
	}
	return fmt.Sprintf(", released at %s by %s", r.At.UTC().Format(time.RFC3339), r.By)
}

// inTheWay tells whether something of the dates waits for a person.
func inTheWay(days []businessDay) bool {
	aside := false
	for i := range days {
		if days[i].Problem != "" || waits(days[i].data.Release) || len(days[i].waitingWindows()) > 0 {
			return true
		}
		if days[i].State == "sealed" || days[i].State == "written" {
			aside = days[i].data.Aside != nil
		}
	}
	return aside
}

func writeDays(w io.Writer, days []businessDay) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range days {
		d := &days[i]
		fmt.Fprintf(t, "%s\t%s", d.Date, d.State)
		if files, presentments := d.counts(); files > 0 {
			fmt.Fprintf(t, "\tfiles: %d\tpresentments: %d", files, presentments)
		}
		if windows := d.windows(); len(windows) > 0 {
			fmt.Fprintf(t, "\twindows: %s", strings.Join(windows, ", "))
		}
		if r := d.data.Refused; r != nil {
			fmt.Fprint(t, "\trefused")
		} else if without := slices.Concat(d.NoSettlement, d.data.Held); len(without) > 0 {
			fmt.Fprintf(t, "\tno settlement: %s", strings.Join(without, ", "))
		}
		if waits(d.data.Release) {
			fmt.Fprint(t, "\twaits for release")
		}
		if windows := d.waitingWindows(); len(windows) > 0 {
			fmt.Fprintf(t, "\twindows that wait for release: %s", strings.Join(windows, ", "))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i := range days {
		d := &days[i]
		switch {
		case d.Problem != "" && d.State == "open":
			fmt.Fprintf(w, "\n%s has a window that could not be written so far: %s\n", d.Date, d.Problem)
		case d.Problem != "":
			fmt.Fprintf(w, "\n%s could not be closed so far: %s\n", d.Date, d.Problem)
		}
	}
	for i := range days {
		if d := &days[i]; d.data.Aside != nil {
			fmt.Fprintf(w, "\n%s: ", d.Date)
			if err := writeAside(w, d.data.Aside); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeAside lists records that could not be built.
func writeAside(w io.Writer, a *cutover.Aside) error {
	fmt.Fprintf(w, "records that could not be built and stand in no file of the date: %d\n", a.Count)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range a.Records {
		r := &a.Records[i]
		fmt.Fprintf(t, "  %s-%d\tmerchant %s\tcarried to %s\t%s\n", r.Payment, r.Operation, r.Merchant, r.CarriedTo, r.Why)
	}
	if more := a.Count - len(a.Records); more > 0 {
		fmt.Fprintf(t, "  and %d more\n", more)
	}
	return t.Flush()
}
