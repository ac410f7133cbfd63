package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen/steady"
	txswitch "switchyard/switch"
	"switchyard/switch/payment"
)

// soak is hours of the same load in minutes: what a switch uses at the end is what it used at the start.
type soak struct {
	Commit  string        `json:"commit"`
	At      time.Time     `json:"at"`
	Machine machine       `json:"machine"`
	Before  *moment       `json:"before,omitempty"`
	After   *moment       `json:"after,omitempty"`
	Peak    steadySummary `json:"peak"` // with so many in flight, measured first
	Rate    float64       `json:"rate"` // of it, due a second
	Windows []window      `json:"windows"`
	Audits  []soakAudit   `json:"audits"`
	Checks  []check       `json:"checks"`
	// Commands are those of the peak, of a window, of an audit beside the load and of the last one, as they were first
	// run.
	Commands []string `json:"commands,omitempty"`
	// BaselineS is the end of the window that the last one is held against. In records without it that is the first.
	BaselineS float64 `json:"baseline_end_s,omitempty"`
	// Payments were made and have an outcome, of which NotAudited were in no audit.
	Payments   uint64 `json:"payments,omitempty"`
	NotAudited uint64 `json:"payments_not_audited,omitempty"`
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
	// Audited says that an audit ran beside it, or beside a part of it.
	Audited bool `json:"audited,omitempty"`
}

// soakAudit is one audit: it began so long after the start, and took so long.
type soakAudit struct {
	AtS   float64 `json:"at_s"`
	TookS float64 `json:"took_s"`
	Clean bool    `json:"clean"`
	Said  string  `json:"said,omitempty"` // where it is not
	// First and Last are the numbers of the payments that it was to look at, and Payments how many of them it found.
	First     uint64  `json:"first,omitempty"`
	Last      uint64  `json:"last,omitempty"`
	Payments  uint64  `json:"payments,omitempty"`
	CPUS      float64 `json:"cpu_s,omitempty"`
	MemoryMiB float64 `json:"memory_mib,omitempty"` // resident, at the most

	whole bool // all payments, and all that the issuer has
}

// check is a figure of a window when all caches are full beside that of the last, and what it may be at the most. In
// records without BaselineS it is the first window.
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
	// soakSettle is the part of the time after which caches are full and compactions have set in: the window to compare
	// with is the first from then on.
	soakSettle = 0.25
	// soakAuditMost is how many payments an audit beside the load looks at: with auditBytes for each it holds some 0.5 GB,
	// and takes half a minute of a processor. soakAuditWhole is how many it may look at once the load is over: that takes
	// some minutes.
	soakAuditMost  = 500_000
	soakAuditWhole = 4_000_000
	auditBytes     = 870
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
	s.Before = lookAround()
	say("soak: measuring the peak")
	peak := []string{
		"load", "--local", "--exit-zero", "--keys", "random", "--closed", strconv.Itoa(sizeOfShare), "--duration",
		min(soakPeak, span).String(),
	}
	s.ran(peak)
	if err := b.once(ctx, &s.Peak, peak...); err != nil {
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
	s.After = lookAround()
	incomparable := s.check()
	path, err := record(out, b.At, b.Commit+"-soak", s)
	if err != nil {
		return err
	}
	if err := s.print(os.Stdout); err != nil {
		return err
	}
	fmt.Printf("\nrecorded in %s\n", path)
	return errors.Join(incomparable, s.verdict())
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

// ran enters a command of switchctl in the record.
func (s *soak) ran(args []string) {
	s.Commands = append(s.Commands, "bin/switchctl "+strings.Join(args, " "))
}

// soakThrough drives window after window. An audit runs beside the load, the last one after it.
func (b *bench) soakThrough(ctx context.Context, s *soak, local *daemons.Local, span time.Duration) error {
	length := min(soakWindow, span/soakWindows)
	begin := time.Now()
	audits := make(chan soakAudit, 1)
	auditing, lastAudit := false, begin
	for time.Since(begin)+length <= span+length/2 {
		w := window{Audited: auditing}
		load := []string{
			"load", "--exit-zero", "--connect", local.Switchd.At.Gateway, "--keys", "random", "--rate",
			strconv.FormatFloat(s.Rate, 'f', 0, 64), "--warmup", "0s", "--duration", length.String(),
			"--seed", strconv.Itoa(len(s.Windows) + 1), "--json",
		}
		if len(s.Windows) == 0 {
			s.ran(load)
		}
		if err := b.switchctl(ctx, &w.Load, load...); err != nil {
			return err
		}
		s.Payments += w.Load.Approved + w.Load.Declined // what is refused takes no number
		w.EndS = time.Since(begin).Seconds()
		if err := w.look(ctx, local, s.Payments); err != nil {
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
			a := s.nextAudit()
			args := a.args(local)
			if len(s.Audits) == 0 {
				s.ran(args)
			}
			go func() { audits <- b.auditSoak(ctx, a, args, begin) }()
		}
	}
	if auditing {
		s.Audits = append(s.Audits, <-audits)
	}
	a := s.nextAudit()
	if s.auditsWhole(availableMiB()) {
		a = soakAudit{First: 1, Last: s.Payments, whole: true}
	}
	if a.First <= a.Last {
		args := a.args(local)
		s.ran(args)
		s.Audits = append(s.Audits, b.auditSoak(ctx, a, args, begin))
	}
	s.NotAudited = s.notAudited()
	return nil
}

// nextAudit is of the newest payments since the last audit, as many as one may look at beside the load. Payments count
// up from 1, and each that has an outcome by now has a number: up to how many there are of them, all are taken.
func (s *soak) nextAudit() soakAudit {
	first := uint64(1)
	if n := len(s.Audits); n > 0 {
		first = s.Audits[n-1].Last + 1
	}
	if s.Payments > soakAuditMost {
		first = max(first, s.Payments-soakAuditMost+1)
	}
	return soakAudit{First: first, Last: s.Payments}
}

// auditsWhole tells whether the last audit may look at all payments: with so much memory at hand, half of which it may
// take.
func (s *soak) auditsWhole(availableMiB float64) bool {
	const mib = 1 << 20
	return s.Payments <= soakAuditWhole && float64(s.Payments)*auditBytes <= availableMiB*mib/2
}

// notAudited counts the payments that no audit looked at. Audits follow one another, but for a last one of all.
func (s *soak) notAudited() uint64 {
	looked := uint64(0)
	for _, a := range s.Audits {
		if a.First == 1 && a.Last == s.Payments {
			return 0
		}
		looked += a.Last + 1 - a.First
	}
	return s.Payments - looked
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

// args are those of the audit's command.
func (a *soakAudit) args(local *daemons.Local) []string {
	args := []string{
		"audit", "--wait", "0s", "--operator", local.Switchd.At.Operator, "--issuer", local.Issuer.At.Control,
		"--limit", "10", "--json",
	}
	if a.whole {
		return args
	}
	node := txswitch.DefaultConfig().Node
	return append(args, "--first-payment", payment.NewID(node, a.First).String(),
		"--last-payment", payment.NewID(node, a.Last).String())
}

// auditSoak holds the books of some payments against each other by the command.
func (b *bench) auditSoak(ctx context.Context, a soakAudit, args []string, begin time.Time) soakAudit {
	a.AtS = time.Since(begin).Seconds()
	var words bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "switchctl"), args...)
	cmd.Stderr = &words
	text, err := cmd.Output()
	a.TookS = time.Since(begin).Seconds() - a.AtS
	if state := cmd.ProcessState; state != nil {
		a.CPUS = (state.UserTime() + state.SystemTime()).Seconds()
		if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
			a.MemoryMiB = float64(usage.Maxrss) / 1024 // Linux tells it in KiB
		}
	}
	a.judge(text, words.String(), err)
	say("  audit at %.0f s: %d payments, clean %v, in %.0f s and %.0f MiB",
		a.AtS, a.Payments, a.Clean, a.TookS, a.MemoryMiB)
	return a
}

// judge takes what an audit printed. One that has not found the payments has said nothing of them.
func (a *soakAudit) judge(report []byte, words string, failed error) {
	var r struct {
		Payments uint64 `json:"payments"`
	}
	err := failed
	if wrong := json.Unmarshal(report, &r); err == nil && wrong != nil {
		err = fmt.Errorf("the audit's report: %w", wrong)
	}
	a.Payments = r.Payments
	if asked := a.Last + 1 - a.First; err == nil && float64(r.Payments) < 0.99*float64(asked) {
		err = fmt.Errorf("%d payments found of %d", r.Payments, asked)
	}
	a.Clean = err == nil
	if err != nil {
		a.Said = strings.TrimSpace(fmt.Sprintf("%v\n%s\n%s", err, words, report))
	}
}

// availableMiB is how much memory the system has for a new process; 0 where it does not tell.
func availableMiB() float64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kib float64
		if n, err := fmt.Sscanf(line, "MemAvailable: %f kB", &kib); n == 1 && err == nil {
			return kib / 1024
		}
	}
	return 0
}

// compared are the first and the last window of those that an audit ran beside, or did not, since the caches are full.
func (s *soak) compared(audited bool) (first, last *window) {
	for i := int(soakSettle * float64(len(s.Windows))); i < len(s.Windows); i++ {
		if s.Windows[i].Audited != audited {
			continue
		}
		if first == nil {
			first = &s.Windows[i]
		}
		last = &s.Windows[i]
	}
	return first, last
}

// check states what may have grown, and by how much. A window that an audit ran beside is compared with its like.
func (s *soak) check() error {
	first, last := s.compared(false)
	if first == last {
		return errors.New("no two windows without an audit since the caches are full: there is nothing to compare")
	}
	s.BaselineS = first.EndS
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
	if first, last := s.compared(true); first != last {
		s.Checks = append(s.Checks,
			check{"p99 beside an audit, ms", first.Load.P99MS, last.Load.P99MS, 2*first.Load.P99MS + 2})
	}
	return nil
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
	fmt.Fprintf(t, "%.0f a second for %.1f minutes, %d audits\tminute %.1f\tlast\tat most\n",
		s.Rate, minutes, len(s.Audits), s.BaselineS/60)
	for _, c := range s.Checks {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.What, number(c.Start, ""), number(c.End, ""), number(c.Most, ""))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if s.NotAudited > 0 {
		_, err := fmt.Fprintf(w, "%d of %d payments were in no audit: they are more than one may hold\n", s.NotAudited,
			s.Payments)
		return err
	}
	return nil
}
