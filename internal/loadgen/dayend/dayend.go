// Package dayend measures the end of a business day with many captures: its files written and checked, and what that
// does to requests beside it.
//
// It writes a journal of captured payments, of which two switches get a copy. The first closes the date by itself:
// measured are the time and the processor's, the memory, and of the files what their verification and the comparison of
// each with itself take, by switchctl in processes of their own. Then one writer appends as many bytes to a file as the
// clearing files have and syncs it, since no file is written faster. The second switch closes the date beside
// authorizations at a rate, whose latency is held against that before.
package dayend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/clients"
	"switchyard/internal/loadgen/recovery"
	"switchyard/switch/api"
	"switchyard/switch/cutover"
	"switchyard/switch/front/lines/client"
	operator "switchyard/switch/operator/client"
)

// closeLimit is how long the files may take: as long as a switch lets itself be waited for.
const closeLimit = 10 * time.Minute

// Options say what to measure.
type Options struct {
	Captures    int           // on the date that is closed
	Rate        float64       // authorizations a second beside it; 0: only what it takes by itself
	Before      time.Duration // how long they are measured before it is closed
	Connections int           // to the gateway port
	Bin         string        // folder of the binaries; "" for that of this one
	Dir         string        // of the daemons, made anew
	Seed        uint64        // cards, amounts and arrivals follow from it
	Say         func(format string, args ...any)
	Fatal       func(msg string, err error) // of the journal that is written; it does not return
}

// Defaults are the options that are measured by, but for where and by what.
func Defaults() Options {
	return Options{Captures: 1_000_000, Rate: 5000, Before: 10 * time.Second, Connections: 4, Seed: 1}
}

func (o *Options) check() error {
	if o.Captures < 1 || o.Rate < 0 || o.Rate > loadgen.MaxRate || o.Before <= 0 || o.Connections < 1 {
		return fmt.Errorf("captures, connections: expected 1 or more; rate: 0 to %d; before: more than 0", loadgen.MaxRate)
	}
	return nil
}

// Summary is what came of it, as switchctl load clearing --json prints it and the benchmarks record it. What is a
// record is a capture.
type Summary struct {
	Captures     int     `json:"captures"`
	Files        int     `json:"files"`
	Bytes        int64   `json:"bytes"`         // of all clearing files and CSV
	CloseS       float64 `json:"close_s"`       // from the cutover until the last file stood
	WriteUS      float64 `json:"write_cpu_us"`  // CPU of switchd a record, for the sealing and the writing
	WriteMiBS    float64 `json:"write_mib_s"`   // bytes through that time
	DiskMiBS     float64 `json:"disk_mib_s"`    // one writer, as many bytes, a sync at the end
	SwitchdMiB   float64 `json:"switchd_mib"`   // peak resident memory
	VerifyUS     float64 `json:"verify_cpu_us"` // CPU of switchctl a record
	VerifyMiB    float64 `json:"verify_mib"`    // peak resident memory
	DiffUS       float64 `json:"diff_cpu_us"`   // CPU of switchctl a record
	DiffMiB      float64 `json:"diff_mib"`      // peak resident memory
	Rate         float64 `json:"rate"`          // of the authorizations beside the second closing; 0: there was none
	BesideS      float64 `json:"beside_close_s"`
	BeforeP99MS  float64 `json:"before_p99_ms"`
	DuringP99MS  float64 `json:"during_p99_ms"`
	P99Ratio     float64 `json:"p99_ratio"` // during through before
	DuringTPS    float64 `json:"during_tps"`
	DuringErrors uint64  `json:"during_errors"` // requests without an outcome
}

// Run measures. Its daemons are stopped when it returns.
func Run(ctx context.Context, o Options) (*Summary, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := daemons.FreshFolder(o.Dir); err != nil {
		return nil, err
	}
	folders := []daemons.Options{{Bin: o.Bin, Dir: filepath.Join(o.Dir, "alone"), Seed: o.Seed}}
	if o.Rate > 0 {
		folders = append(folders, daemons.Options{Bin: o.Bin, Dir: filepath.Join(o.Dir, "beside"), Seed: o.Seed})
	}
	fill := recovery.Options{
		Stored: o.Captures, Captured: true, Runs: 1, Dir: o.Dir, Seed: o.Seed, Say: o.Say, Fatal: o.Fatal,
	}
	if err := recovery.FillFor(ctx, fill, folders); err != nil {
		return nil, err
	}
	s := &Summary{Captures: o.Captures, Rate: o.Rate}
	if err := s.alone(ctx, &o, folders[0]); err != nil {
		return nil, err
	}
	if o.Rate == 0 {
		return s, nil
	}
	return s, s.beside(ctx, &o, folders[1])
}

// start starts an issuer and a switch on a folder's journal.
func start(ctx context.Context, folder daemons.Options) (*daemons.Local, error) {
	l, err := daemons.StartIssuer(ctx, folder)
	if err != nil {
		return nil, err
	}
	if err := l.StartSwitchd(ctx); err != nil {
		l.Kill()
		return nil, err
	}
	return l, nil
}

// closeDay closes the open business date and waits for its files.
func closeDay(ctx context.Context, l *daemons.Local, captures int) (*cutover.Result, time.Duration, error) {
	begin := time.Now()
	result, err := l.Operator().Cutover(ctx, operator.Cutover{Wait: closeLimit})
	if err != nil {
		return nil, 0, err
	}
	took, records := time.Since(begin), 0
	for _, f := range result.Files {
		records += f.Records
	}
	if records != captures {
		return nil, 0, fmt.Errorf("%d presentments stand in the files, %d captures were made", records, captures)
	}
	return result, took, nil
}

// alone closes the date with nothing beside it, then reads its files.
func (s *Summary) alone(ctx context.Context, o *Options, folder daemons.Options) error {
	l, err := start(ctx, folder)
	if err != nil {
		return err
	}
	defer l.Kill()
	o.Say("closing the business date")
	cpu := l.Switchd.CPUTime()
	result, took, err := closeDay(ctx, l, o.Captures)
	if err != nil {
		return err
	}
	s.CloseS = seconds(took)
	s.WriteUS = s.aRecord(l.Switchd.CPUTime() - cpu)
	s.SwitchdMiB = loadgen.Round(l.Switchd.PeakMiB())
	if err := l.Stop(); err != nil {
		return err
	}
	s.Files = len(result.Files)
	for _, f := range result.Files {
		for _, name := range []string{f.IPM, f.DetailCSV, f.SummaryCSV} {
			info, err := os.Stat(filepath.Join(folder.ClearingDir(), relative(name)))
			if err != nil {
				return err
			}
			s.Bytes += info.Size()
		}
	}
	s.WriteMiBS = loadgen.Round(mib(s.Bytes) / took.Seconds())
	if s.DiskMiBS, err = diskRate(o.Dir, s.Bytes); err != nil {
		return err
	}
	for _, f := range result.Files {
		if f.Records == 0 {
			continue
		}
		path := filepath.Join(folder.ClearingDir(), relative(f.IPM))
		o.Say("reading %s", filepath.Base(path))
		verify, err := daemons.Once(ctx, o.Bin, "switchctl", "clearing", "verify", "--strict", path)
		if err != nil {
			return err
		}
		diff, err := daemons.Once(ctx, o.Bin, "switchctl", "clearing", "diff", path, path)
		if err != nil {
			return err
		}
		s.VerifyUS += s.aRecord(verify.CPUTime)
		s.DiffUS += s.aRecord(diff.CPUTime)
		s.VerifyMiB = max(s.VerifyMiB, loadgen.Round(verify.PeakMiB))
		s.DiffMiB = max(s.DiffMiB, loadgen.Round(diff.PeakMiB))
	}
	return nil
}

// relative is a file's path within the clearing folder: its date and its name.
func relative(path string) string {
	return filepath.Join(filepath.Base(filepath.Dir(path)), filepath.Base(path))
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// aRecord is a time in microseconds through the captures.
func (s *Summary) aRecord(d time.Duration) float64 {
	return loadgen.Round(float64(d.Nanoseconds()) / 1000 / float64(s.Captures))
}

// diskRate is how fast one writer appends so many bytes to a file, the sync at its end included, in MiB a second.
func diskRate(dir string, bytes int64) (rate float64, err error) {
	file, err := os.Create(filepath.Join(dir, "sequential"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	piece := make([]byte, 256<<10)
	for i := range piece {
		piece[i] = byte(i * 7)
	}
	begin := time.Now()
	for left := bytes; left > 0; left -= int64(len(piece)) {
		if _, err := file.Write(piece[:min(left, int64(len(piece)))]); err != nil {
			return 0, err
		}
	}
	if err := file.Sync(); err != nil {
		return 0, err
	}
	return loadgen.Round(mib(bytes) / time.Since(begin).Seconds()), nil
}

// beside closes the date while authorizations are due.
func (s *Summary) beside(ctx context.Context, o *Options, folder daemons.Options) error {
	l, err := start(ctx, folder)
	if err != nil {
		return err
	}
	defer l.Kill()
	gateways, err := clients.Dial(ctx, l.Switchd.At.Gateway, o.Connections, loadgen.DefaultOpenInFlight/o.Connections+1)
	if err != nil {
		return err
	}
	defer clients.CloseAll(gateways)
	o.Say("measuring %g authorizations a second for %s", o.Rate, o.Before)
	before, err := o.authorizations(ctx, gateways, o.Before, nil)
	if err != nil {
		return err
	}
	o.Say("closing the business date beside them")
	closed, stop := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(stop)
		_, took, err := closeDay(ctx, l, o.Captures)
		s.BesideS = seconds(took)
		closed <- err
	}()
	during, err := o.authorizations(ctx, gateways, closeLimit, stop)
	if err = errors.Join(err, <-closed); err != nil {
		return err
	}
	s.BeforeP99MS, s.DuringP99MS = before.QuantileMS(99), during.QuantileMS(99)
	s.P99Ratio = loadgen.Round(s.DuringP99MS / s.BeforeP99MS)
	s.DuringTPS, s.DuringErrors = loadgen.Round(during.TPS()), during.Failed
	return l.Stop()
}

// authorizations drives a load at the rate for so long, or until it is told to end.
func (o *Options) authorizations(
	ctx context.Context, gateways []*client.Client, duration time.Duration, until <-chan struct{},
) (*loadgen.Result, error) {
	payments := loadgen.Payments{
		Op: api.OpAuthorize, Run: loadgen.RunName(), Cards: loadgen.NewCards(time.Now()), Seed: o.Seed,
	}
	return loadgen.Run(ctx, loadgen.Options{
		Target: loadgen.NewGatewayTarget(clients.Lanes(gateways), loadgen.DefaultOpenInFlight, payments),
		Lanes:  o.Connections, Rate: o.Rate, InFlight: loadgen.DefaultOpenInFlight,
		Duration: duration, Until: until, Seed: o.Seed,
	})
}

// seconds is a time to the millisecond.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
