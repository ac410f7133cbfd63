package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"switchyard/switch/issuer/route"
	"switchyard/switch/journal"
)

// Stats is what GET /v1/stats answers.
type Stats struct {
	// InFlight are requests being served, and those of an earlier run that have no outcome yet.
	InFlight    int                    `json:"in_flight"`
	SAF         SAFStats               `json:"saf"`
	Links       map[string][]LinkStats `json:"links"` // by host
	OpenDay     string                 `json:"open_day"`
	ClearingDir string                 `json:"clearing_dir"`
	// DiskFreeBytes is what of the data folder's disk is free; nil where the system does not tell it.
	DiskFreeBytes *uint64 `json:"disk_free_bytes,omitempty"`
	Held          bool    `json:"held,omitempty"` // until an operator confirms what was restored
	Unready       string  `json:"unready,omitempty"`
	// Clock is what is wrong with the clock.
	Clock string    `json:"clock,omitempty"`
	Now   time.Time `json:"now"` // the switch's clock: what it dates operations by
}

// LinkStats is where one link to an issuer stands.
type LinkStats struct {
	Link   string `json:"link"`
	State  string `json:"state"`  // down, signing_on, up, draining
	InUse  int    `json:"in_use"` // slots of its window
	Window int    `json:"window"`
}

// SAFStats counts advices.
type SAFStats struct {
	Queued int            `json:"queued"`
	Parked int            `json:"parked"`
	ByHost map[string]int `json:"by_host"` // queued
}

// Stats returns where the switch stands.
func (a *API) Stats(ctx context.Context) Stats {
	st := Stats{
		InFlight: a.o.Requests.InFlight() + a.o.Requests.Unrecovered(), Links: map[string][]LinkStats{},
		OpenDay:     a.o.Journal.OpenDay().String(),
		ClearingDir: a.o.ClearingDir, Unready: a.Unready(),
		Clock: a.Clock().Warning,
		Now:   a.o.Clock.Now(),
	}
	if usage, err := a.o.FS.GetDiskUsage(a.o.FS.PathDir(a.o.ClearingDir)); err == nil {
		st.DiskFreeBytes = &usage.AvailBytes
	}
	st.Held = a.o.Journal.Hold() != nil
	st.SAF.Queued, st.SAF.Parked = a.o.Queue.Counts()
	if st.Held { // nothing is sent, so nothing is counted in memory
		_ = a.o.Queue.List(ctx, func(r journal.SAFRow) bool {
			if r.Parked {
				st.SAF.Parked++
			} else {
				st.SAF.Queued++
			}
			return true
		})
	}
	st.SAF.ByHost = map[string]int{}
	for _, h := range a.o.Hosts {
		st.SAF.ByHost[h.Name()] = a.o.Queue.Queued(h.Name())
		for _, l := range h.Links() {
			st.Links[h.Name()] = append(st.Links[h.Name()], LinkStats(l))
		}
	}
	return st
}

func (a *API) serveStats(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, a.Stats(r.Context()))
}

// Unready returns why the switch does not serve everything yet, or "".
func (a *API) Unready() string {
	if a.stopping.Load() {
		return "the switch is stopping"
	}
	if h := a.o.Journal.Hold(); h != nil {
		return "held until an operator confirms it (switchctl restore review): " + strings.Join(h.Reasons, "; ")
	}
	if why := a.o.Requests.ClosedFor(); why != "" {
		return why
	}
	for _, r := range a.o.Routes {
		ready := slices.ContainsFunc(r.Hosts, func(h route.WeightedHost) bool { return a.o.Issuers[h.Host].Host.Ready() })
		if !ready {
			return "route " + r.Name + ": no link to any of its issuers is signed on"
		}
	}
	return ""
}

func (a *API) serveReady(w http.ResponseWriter, _ *http.Request) {
	if why := a.Unready(); why != "" {
		writeError(w, http.StatusServiceUnavailable, errors.New(why))
		return
	}
	fmt.Fprintln(w, "ready")
	for _, warning := range a.Warnings() {
		fmt.Fprintln(w, "warning:", warning)
	}
}

// Warnings tells what needs a person although the switch serves.
func (a *API) Warnings() (warnings []string) {
	if warning := a.Clock().Warning; warning != "" {
		warnings = append(warnings, warning)
	}
	for _, p := range a.o.Cutover.Problems() {
		if p.Date == a.o.Journal.OpenDay() {
			warnings = append(warnings, fmt.Sprintf("business date %s has a window that could not be written since %s: %v",
				p.Date, p.Since.Format(time.RFC3339), p.Err))
			continue
		}
		warnings = append(warnings, fmt.Sprintf("business date %s is closed, and since %s its files cannot be written: %v",
			p.Date, p.Since.Format(time.RFC3339), p.Err))
	}
	return warnings
}
