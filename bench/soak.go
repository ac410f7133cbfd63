package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen/steady"
)

// soak is hours of the same load in minutes: what a switch uses at the end is what it used at the start.
type soak struct {
	Commit  string        `json:"commit"`
	At      time.Time     `json:"at"`
	Machine machine       `json:"machine"`
	Peak    steadySummary `json:"peak"` // with so many in flight, measured first
	Rate    float64       `json:"rate"` // of it, due a second
	Windows []window      `json:"windows"`
	Audits  []soakAudit   `json:"audits"`
	Checks  []check       `json:"checks"`
}

type steadySummary = steady.Summary

// window is a part of the time, with what switchd used at its end.
type window struct {
	EndS       float64       `json:"end_s"`
	Load       steadySummary `json:"load"`
	MemoryMiB  float64       `json:"memory_mib"` // resident
	HeapMiB    float64       `json:"heap_mib"`   // in use
	Goroutines float64       `json:"goroutines"`
	Files      float64       `json:"files"` // open
	DiskMiB    float64       `json:"disk_mib"`
	// DiskBytes is what a payment takes on disk so far, the log and what is not yet compacted with it.
	DiskBytes float64 `json:"disk_bytes_a_payment"`
}

// soakAudit is one audit: it began so long after the start, and took so long.
type soakAudit struct {
	AtS   float64 `json:"at_s"`
	TookS float64 `json:"took_s"`
	Clean bool    `json:"clean"`
	Said  string  `json:"said,omitempty"` // where it is not
}

// check is a figure of the first window beside that of the last, and what it may be at the most.
type check struct {
	What  string  `json:"what"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	Most  float64 `json:"most"`
}

const (
	soakPart     = 0.6             // of the peak
	soakWindow   = time.Minute     // at the most
	soakWindows  = 4               // at the least
	soakAuditGap = 5 * time.Minute // from one audit's start to the next
	soakPeak     = 10 * time.Second
	// soakFiles is how many files switchd may have open: the journal's engine keeps up to 1,000 tables open, and beside
	// them there are connections, logs and what the runtime needs.
	soakFiles = 1100
)

// soak drives a switch at a part of its peak for a time, audits it meanwhile, and says what has grown.
func (b *bench) soak(ctx context.Context, span time.Duration, out string) (err error) {
	s := &soak{Commit: b.Commit, At: b.At}
	if b.dir, err = os.MkdirTemp(".", "load-out-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if s.Machine, err = thisMachine(b.dir); err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	say("soak: measuring the peak")
	err = b.once(ctx, &s.Peak, "load", "--local", "--exit-zero", "--closed", strconv.Itoa(sizeOfShare), "--duration",
		min(soakPeak, span).String())
	if err != nil {
		return err
	}
	s.Rate = float64(int(s.Peak.TPS * soakPart))
	local, err := b.startSoak(ctx, s.Rate, span)
	if err != nil {
		return err
	}
	defer local.Kill()
	say("soak: %.0f a second for %s, %.0f %% of %.0f", s.Rate, span, 100*soakPart, s.Peak.TPS)
	if err := b.soakThrough(ctx, s, local, span); err != nil {
		return err
	}
	if err := local.Stop(); err != nil {
		return err
	}
	s.check()
	path, err := record(out, b.At, b.Commit+"-soak", s)
	if err != nil {
		return err
	}
	if err := s.print(os.Stdout); err != nil {
		return err
	}
	fmt.Printf("\nrecorded in %s\n", path)
	return s.verdict()
}

// startSoak starts an issuer that forgets none of the payments, so that each can be audited, and a switch.
func (b *bench) startSoak(ctx context.Context, rate float64, span time.Duration) (*daemons.Local, error) {
	dir := filepath.Join(b.dir, "soak")
	if err := daemons.FreshFolder(dir); err != nil {
		return nil, err
	}
	kept := int(1.5*rate*span.Seconds()) + 1_000_000
	config := filepath.Join(dir, "issuer.yaml")
	text := fmt.Appendf(nil, "limits:\n  authorizations: %d\n  messages: %d\n", kept, kept)
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return nil, err
	}
	return daemons.StartLocal(ctx, daemons.Options{Bin: b.bin, Dir: dir, Seed: 1, IssuerConfig: config})
}

// soakThrough drives window after window. An audit runs beside the load, the last one after it.
func (b *bench) soakThrough(ctx context.Context, s *soak, local *daemons.Local, span time.Duration) error {
	length := min(soakWindow, span/soakWindows)
	begin := time.Now()
	audits := make(chan soakAudit, 1)
	auditing, lastAudit := false, begin
	var payments uint64
	for time.Since(begin)+length <= span+length/2 {
		var w window
		err := b.switchctl(ctx, &w.Load, "load", "--exit-zero", "--connect", local.Switchd.At.Gateway, "--rate",
			strconv.FormatFloat(s.Rate, 'f', 0, 64), "--warmup", "0s", "--duration", length.String(),
			"--seed", strconv.Itoa(len(s.Windows)+1), "--json")
		if err != nil {
			return err
		}
		payments += w.Load.Requests
		w.EndS = time.Since(begin).Seconds()
		if err := w.look(ctx, local, payments); err != nil {
			return err
		}
		s.Windows = append(s.Windows, w)
		say("  %4.0f s: %s; %.0f MiB, %.0f goroutines, %.0f files, %.0f MiB on disk",
			w.EndS, loadLine(&w.Load), w.MemoryMiB, w.Goroutines, w.Files, w.DiskMiB)
		select {
		case a := <-audits:
			s.Audits, auditing = append(s.Audits, a), false
		default:
		}
		if !auditing && time.Since(lastAudit) >= soakAuditGap {
			auditing, lastAudit = true, time.Now()
			go func() { audits <- b.auditSoak(ctx, local, begin) }()
		}
	}
	if auditing {
		s.Audits = append(s.Audits, <-audits)
	}
	s.Audits = append(s.Audits, b.auditSoak(ctx, local, begin))
	return nil
}

// look takes what switchd uses now.
func (w *window) look(ctx context.Context, local *daemons.Local, payments uint64) error {
	const mib = 1 << 20
	m, err := local.Metrics(ctx)
	if err != nil {
		return err
	}
	size, err := sizeOf(local.SwitchdDir())
	if err != nil {
		return err
	}
	w.MemoryMiB, w.HeapMiB = m["process_resident_memory_bytes"]/mib, m["go_memstats_heap_inuse_bytes"]/mib
	w.Goroutines, w.Files = m["go_goroutines"], m["process_open_fds"]
	w.DiskMiB, w.DiskBytes = float64(size)/mib, float64(size)/float64(max(payments, 1))
	return nil
}

// sizeOf adds up the files of a folder. Those that go meanwhile count for nothing.
func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

// auditSoak holds the books against each other by the command.
func (b *bench) auditSoak(ctx context.Context, local *daemons.Local, begin time.Time) soakAudit {
	a := soakAudit{AtS: time.Since(begin).Seconds()}
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "switchctl"), "audit", "--wait", "0s",
		"--operator", local.Switchd.At.Operator, "--issuer", local.Issuer.At.Control)
	text, err := cmd.CombinedOutput()
	a.Clean, a.TookS = err == nil, time.Since(begin).Seconds()-a.AtS
	if err != nil {
		a.Said = fmt.Sprintf("%v: %s", err, bytes.TrimSpace(text))
	}
	say("  audit at %.0f s: clean %v, in %.0f s", a.AtS, a.Clean, a.TookS)
	return a
}

// check states what may have grown, and by how much.
func (s *soak) check() {
	first, last := &s.Windows[0], &s.Windows[len(s.Windows)-1]
	failed := uint64(0)
	for i := range s.Windows {
		failed += s.Windows[i].Load.Errors
	}
	dirty := 0
	for _, a := range s.Audits {
		if !a.Clean {
			dirty++
		}
	}
	unsent := func(w *window) float64 { return max(0, 100*(1-w.Load.TPS/s.Rate)) }
	s.Checks = []check{
		{"memory of switchd, MiB", first.MemoryMiB, last.MemoryMiB, 1.2*first.MemoryMiB + 8},
		{"goroutines", first.Goroutines, last.Goroutines, first.Goroutines + 64},
		{"files open", first.Files, last.Files, soakFiles},
		{"p50, ms", first.Load.P50MS, last.Load.P50MS, 1.5*first.Load.P50MS + 1},
		{"p99, ms", first.Load.P99MS, last.Load.P99MS, 2*first.Load.P99MS + 2},
		{"disk a payment, bytes", first.DiskBytes, last.DiskBytes, 1.2 * first.DiskBytes},
		{"less than the rate, %", unsent(first), unsent(last), 2},
		{"requests without an outcome", float64(first.Load.Errors), float64(failed), 0},
		{"audits that found a difference", 0, float64(dirty), 0},
	}
}

// verdict is an error that names what is not flat.
func (s *soak) verdict() error {
	var all []error
	for _, c := range s.Checks {
		if c.End > c.Most {
			all = append(all, fmt.Errorf("%s: %s at the end, at most %s", c.What, number(c.End, ""), number(c.Most, "")))
		}
	}
	return errors.Join(all...)
}

func (s *soak) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	minutes := s.Windows[len(s.Windows)-1].EndS / 60
	fmt.Fprintf(t, "%.0f a second for %.1f minutes, %d audits\tstart\tend\tat most\n", s.Rate, minutes, len(s.Audits))
	for _, c := range s.Checks {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.What, number(c.Start, ""), number(c.End, ""), number(c.Most, ""))
	}
	return t.Flush()
}
