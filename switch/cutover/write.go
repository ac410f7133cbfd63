package cutover

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/internal/mutant"
	"switchyard/switch/api"
	"switchyard/switch/clearing"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Result names what a cutover wrote.
type Result struct {
	BusinessDate string `json:"business_date"`
	Files        []File `json:"files"`
}

// File is the clearing of one destination. Paths begin with the clearing folder.
type File struct {
	Destination string `json:"destination"`
	FileID      string `json:"file_id"`
	IPM         string `json:"ipm"`
	DetailCSV   string `json:"detail_csv"`
	SummaryCSV  string `json:"summary_csv"`
	Manifest    string `json:"manifest"`
	Messages    int    `json:"messages"` // PDS0306
	Records     int    `json:"presentments"`
	SumMinor    int64  `json:"sum_minor"` // PDS0301: a plain sum over all currencies
	Totals      any    `json:"totals"`
}

// emptyDay is the destination of the one, empty file of a date without presentments where the config names no destination.
const emptyDay = "default"

// destinations lists the destinations of a date's files, sorted.
func (e *Engine) destinations(date payment.Date) ([]string, error) {
	names := map[string]bool{}
	for _, name := range e.o.Settings.Destinations {
		names[name] = true
	}
	err := e.o.Journal.Presentments(date, func(p journal.Presentment) bool {
		names[p.Destination] = true
		return true
	})
	if len(names) == 0 {
		names[emptyDay] = true
	}
	return slices.Sorted(maps.Keys(names)), err
}

// write makes all files of a sealed date. What stands there from an attempt that did not finish is written over.
func (e *Engine) write(date payment.Date, p *plan) (Result, error) {
	dir := e.o.FS.PathJoin(e.o.Dir, date.String())
	if err := e.o.FS.MkdirAll(dir, 0o700); err != nil {
		return Result{}, err
	}
	location, err := time.LoadLocation(p.Location)
	if err != nil {
		return Result{}, err
	}
	result := Result{BusinessDate: date.String()}
	writers := map[string]*destinationWriter{}
	var made outputs
	defer func() { made.abandon() }()
	for _, f := range p.Files {
		w, err := e.open(&made, dir, date, p, f)
		if err != nil {
			return Result{}, err
		}
		w.location = location
		writers[f.Destination] = w
	}
	var failed error
	err = e.o.Journal.Presentments(date, func(ref journal.Presentment) bool {
		failed = e.writeOne(writers[ref.Destination], p, ref)
		return failed == nil
	})
	if mutant.On(mutant.CaptureInTwoFiles) {
		_ = e.o.Journal.Presentments(payment.DateOf(date.Time().AddDate(0, 0, -1)), func(ref journal.Presentment) bool {
			failed = e.writeOne(writers[ref.Destination], p, ref)
			return false
		})
	}
	if failed != nil {
		return Result{}, failed
	}
	if err != nil {
		return Result{}, err
	}
	for _, f := range p.Files {
		file, err := writers[f.Destination].finish()
		if err != nil {
			return Result{}, err
		}
		result.Files = append(result.Files, file)
	}
	// The folders above are new on the first day; without their entries the files would not be found after a crash.
	for _, d := range []string{dir, e.o.Dir, e.o.FS.PathDir(e.o.Dir)} {
		if err := e.syncDir(d); err != nil {
			return Result{}, err
		}
	}
	return result, nil
}

func (e *Engine) syncDir(dir string) error {
	d, err := e.o.FS.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// destinationWriter writes the files of one destination side by side, under temporary names until finish.
type destinationWriter struct {
	fs       vfs.FS
	made     *outputs
	header   clearing.Header
	plan     *plan
	file     File
	location *time.Location

	ipmOut, detailOut *output
	ipm               *clearing.Writer
	detail            *clearing.DetailWriter
	summary           *clearing.Summary
}

// output is a file under a temporary name.
type output struct {
	fs     vfs.FS
	name   string // the final one
	path   string
	file   vfs.File // nil once it is closed
	buffer *bufio.Writer
	digest *clearing.Digest
}

const temporary = ".tmp"

// outputs are the files that an attempt has made.
type outputs []*output

// abandon closes those that an attempt that failed left open. The next attempt writes over them.
func (all outputs) abandon() {
	for _, o := range all {
		if o.file != nil {
			_ = o.file.Close() // what it holds is not used
		}
	}
}

func (all *outputs) create(fs vfs.FS, dir, name string) (*output, error) {
	o := &output{fs: fs, name: name, path: fs.PathJoin(dir, name)}
	var err error
	if o.file, err = fs.Create(o.path+temporary, vfs.WriteCategoryUnspecified); err != nil {
		return nil, err
	}
	const bufferBytes = 256 << 10
	o.buffer = bufio.NewWriterSize(o.file, bufferBytes)
	o.digest = clearing.NewDigest(o.buffer)
	*all = append(*all, o)
	return o, nil
}

// finish flushes, syncs and renames.
func (o *output) finish() (clearing.ManifestFile, error) {
	if err := o.buffer.Flush(); err != nil {
		return clearing.ManifestFile{}, err
	}
	if !mutant.On(mutant.FilesNotSynced) {
		if err := o.file.Sync(); err != nil {
			return clearing.ManifestFile{}, err
		}
	}
	file := o.file
	o.file = nil
	if err := file.Close(); err != nil {
		return clearing.ManifestFile{}, err
	}
	return o.digest.File(o.name), o.fs.Rename(o.path+temporary, o.path)
}

func (e *Engine) open(made *outputs, dir string, date payment.Date, p *plan, f planFile) (*destinationWriter, error) {
	codePage, err := clearing.ParseCodePage(p.CodePage)
	if err != nil {
		return nil, err
	}
	w := &destinationWriter{
		fs: e.o.FS, made: made, plan: p, summary: clearing.NewSummary(),
		header: clearing.Header{
			FileID:     clearing.FileID{Date: date.Time(), ProcessorID: p.ProcessorID, Sequence: f.Sequence},
			Production: p.Production, CodePage: codePage, Blocked: p.Blocked,
		},
	}
	id := w.header.FileID.String()
	w.file = File{
		Destination: f.Destination, FileID: id,
		IPM: e.o.FS.PathJoin(dir, id+".ipm"), DetailCSV: e.o.FS.PathJoin(dir, id+".detail.csv"),
		SummaryCSV: e.o.FS.PathJoin(dir, id+".summary.csv"), Manifest: e.o.FS.PathJoin(dir, id+".manifest.json"),
	}
	if w.ipmOut, err = made.create(e.o.FS, dir, id+".ipm"); err != nil {
		return nil, err
	}
	if w.detailOut, err = made.create(e.o.FS, dir, id+".detail.csv"); err != nil {
		return nil, err
	}
	if w.ipm, err = clearing.NewWriter(w.ipmOut.digest, w.header); err != nil {
		return nil, err
	}
	w.detail = clearing.NewDetailWriter(w.detailOut.digest)
	return w, nil
}

// writeOne writes one presentment into the files of its destination.
func (e *Engine) writeOne(w *destinationWriter, p *plan, ref journal.Presentment) error {
	if w == nil {
		return fmt.Errorf("payment %s, operation %d: destination %q is not among the files of the day", ref.Payment, ref.Op, ref.Destination)
	}
	record, err := e.record(p, w.location, ref)
	if err != nil {
		return fmt.Errorf("payment %s, operation %d: %w", ref.Payment, ref.Op, err)
	}
	if err := w.ipm.Write(record); err != nil {
		return fmt.Errorf("payment %s, operation %d: %w", ref.Payment, ref.Op, err)
	}
	if err := w.detail.Write(record); err != nil {
		return err
	}
	return w.summary.Add(record)
}

func (w *destinationWriter) finish() (File, error) {
	totals, err := w.ipm.Close()
	if err != nil {
		return File{}, err
	}
	if err := w.detail.Close(); err != nil {
		return File{}, err
	}
	dir := w.fs.PathDir(w.file.IPM)
	summaryOut, err := w.made.create(w.fs, dir, w.file.FileID+".summary.csv")
	if err != nil {
		return File{}, err
	}
	if err := w.summary.WriteCSV(summaryOut.digest); err != nil {
		return File{}, err
	}
	var names []clearing.ManifestFile
	for _, o := range []*output{w.ipmOut, w.detailOut, summaryOut} {
		f, err := o.finish()
		if err != nil {
			return File{}, err
		}
		names = append(names, f)
	}
	sealedAt := w.plan.SealedAt
	if mutant.On(mutant.RebuildByClock) {
		sealedAt = time.Now()
	}
	if mutant.On(mutant.ManifestOff) {
		for i := range totals.Currencies {
			c := &totals.Currencies[i]
			c.DebitMinor, c.CreditMinor = c.DebitMinor+c.CreditMinor, 0
		}
	}
	manifest := clearing.NewManifest(w.header, w.file.Destination, sealedAt, totals, names...)
	text, err := manifest.Encode()
	if err != nil {
		return File{}, err
	}
	manifestOut, err := w.made.create(w.fs, dir, w.file.FileID+".manifest.json")
	if err != nil {
		return File{}, err
	}
	if _, err := manifestOut.digest.Write(text); err != nil {
		return File{}, err
	}
	if _, err := manifestOut.finish(); err != nil {
		return File{}, err
	}
	w.file.Messages, w.file.Records, w.file.SumMinor = totals.Messages, totals.Presentments, totals.SumMinor
	w.file.Totals = totals.Currencies
	return w.file, nil
}

// record makes a presentment's record from the payment as it was accepted.
func (e *Engine) record(p *plan, location *time.Location, ref journal.Presentment) (*clearing.Presentment, error) {
	pay, err := e.o.Journal.Payment(ref.Payment)
	if err != nil {
		return nil, err
	}
	if ref.Op >= len(pay.Ops) {
		return nil, fmt.Errorf("the payment has %d operations", len(pay.Ops))
	}
	s, err := DecodeSnapshot(ref.Data)
	if err != nil {
		return nil, fmt.Errorf("presentment record: %w", err)
	}
	number, expiry, err := e.o.Keyring.Open(pay.SealKey, pay.ID, pay.SealedCard)
	if err != nil {
		return nil, err
	}
	acquirer := pay.Acquirer
	if acquirer == "" {
		acquirer = p.AcquirerID
	}
	op, root := &pay.Ops[ref.Op], &pay.Ops[0]
	cleared := op // the operation whose money the record moves
	r := &clearing.Presentment{
		PAN: number, Expiry: expiry, Currency: pay.Currency, FunctionCode: "200", MessageReason: s.Reason, MCC: s.MCC,
		CardSequence: cardSequence(pay.Sequence), ARN: op.ARN, AcquirerID: acquirer, ForwarderID: p.ProcessorID,
		RRN: op.RRN, AuthCode: authCode(op.AuthCode),
		Terminal: pay.Terminal, Merchant: pay.Merchant, NetworkID: networkID(root.NetworkID), POSDataCode: posDataCode(api.Entry(pay.Entry)),
		Acceptor: clearing.Acceptor{
			Name: s.Name, Street: s.Street, City: s.City, PostalCode: s.PostalCode, State: s.State, CountryAlpha3: s.Country,
		}.Fit(),
		PaymentID: pay.ID.String(), CaptureID: fmt.Sprintf("%s-%d", pay.ID, ref.Op), Reference: pay.Reference, Key: op.Key,
		Sequence: s.Sequence, Count: s.Count, AcceptedAt: op.At, MerchantName: s.Name, FeePlan: s.FeePlan,
	}
	if op.Kind == payment.KindVoidPresentment {
		cleared = &pay.Ops[op.Target]
		r.ReversalOf = cleared.Date.Time()
		r.CaptureID = fmt.Sprintf("%s-%d", pay.ID, op.Target)
	}
	r.AmountMinor = cleared.Clears()
	r.Credit = cleared.Kind == payment.KindRefund
	r.LocalTime = cleared.At.In(location)
	if mutant.On(mutant.WrongFieldInFile) {
		r.LocalTime = cleared.DoneAt.In(location)
	}
	if r.AuthCode == "" && cleared.Kind != payment.KindRefund {
		r.AuthCode = authCode(root.AuthCode)
	}
	if api.Entry(pay.Entry) == api.EntryEcommerce {
		r.TerminalType, r.ECommerceLevel = "CT6", "21"+eciDigit(pay.ECI)
	}
	if pay.EMV != "" && cleared.Kind != payment.KindRefund {
		if r.ChipData, err = hex.DecodeString(pay.EMV); err != nil {
			return nil, fmt.Errorf("stored chip data: %w", err)
		}
	}
	return r, nil
}

func cardSequence(s string) string {
	if s == "" {
		return ""
	}
	return "000"[:3-min(3, len(s))] + s
}

// eciDigit is the level of security of an e-commerce payment, the last digit of its indicator.
func eciDigit(eci string) string {
	if last := eci[max(0, len(eci)-1):]; last >= "0" && last <= "9" {
		return last
	}
	return "0"
}

// authCode and networkID are what the issuer answered (DE38, DE48 tag 03), left out where a record cannot hold it: what
// somebody else sent must not keep the day from closing.
func authCode(s string) string {
	for i := range len(s) {
		if c := s[i]; c != ' ' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return ""
		}
	}
	return s
}

func networkID(s string) string {
	const most = 15 // DE63, behind its first place
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || strings.IndexByte("![]^|", s[i]) >= 0 { // code pages disagree on these
			return ""
		}
	}
	if len(s) > most {
		return ""
	}
	return s
}

// posDataCode is DE22 of a record: how the card's data was read stands in its seventh place, whether the cardholder and
// the card were there in its fifth and sixth.
func posDataCode(e api.Entry) string {
	switch e {
	case api.EntryMOTO:
		return "000020100000"
	case api.EntryStored:
		return "000040700000"
	case api.EntryManual:
		return "000001100000"
	case api.EntryChip:
		return "500001500001"
	case api.EntryContactless:
		return "500001M00001"
	case api.EntryMagstripe:
		return "200001200001"
	}
	return "000050S00000"
}
