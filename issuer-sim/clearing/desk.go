package clearing

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/vfs"
	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/rules"
	"switchyard/switch/clearing"
)

// Options say where files come from and go to, and what is added to them.
type Options struct {
	Incoming string        // the watched folder, with those below it; empty for none
	Out      string        // where answers are written; empty for none
	Spool    string        // where a file stands while it is looked through; empty: in memory
	Poll     time.Duration // between two looks at Incoming. Default 2 s
	Patience time.Duration // how long a file may end too early before it is refused. Default 1 min
	Windows  []string      // times of day, UTC, at which windows end by themselves, such as 08:00; empty: when told to
	Members  []string      // processor ids whose files are taken; empty: all
	Mode     string        // PDS0122 of files that are taken, P or T; empty: both
	MaxBytes int64         // the longest file; without Spool all at once. Default 64 GiB; without Spool 256 MiB

	ID            string            // of the clearing system, 6 to 11 digits: DE33 and DE94. Default 900001
	Settlement    string            // currency that is settled in; empty: each in itself
	Rates         map[string]string // what one unit of a currency is in it, such as 0.9231
	Fees          []FeeRate         // the first that fits a presentment gives its fee
	TransferAgent string            // PDS0159. Default zeros
	Account       string            // PDS0159. Default blanks
	ASCII         bool              // files of windows in ASCII; else cp500
	Unblocked     bool              // … without 1014 blocking

	Now func() time.Time // what files and windows are dated by. Default time.Now
}

// The defaults, and the bounds that no option moves.
const (
	DefaultPoll       = 2 * time.Second
	DefaultPatience   = time.Minute
	DefaultMaxBytes   = 64 << 30
	maxBytesInMemory  = 256 << 20
	DefaultID         = "900001"
	maxWatched        = book.MaxClearingFiles // files of the watched folder that are looked at
	maxWatchedDepth   = 4
	temporary         = ".part"
	ending            = ".ipm"
	manifestEnding    = ".manifest.json"
	fileIDDigits      = 25
	processorDigits   = 11
	maxFilesOfADay    = clearing.MaxFileSequence
	fileIDDateLayout  = "060102"
	maxWindowsOfADate = 99
)

// Desk takes clearing files, one after another, and makes those of the clearing system.
type Desk struct {
	fs       vfs.FS
	o        Options
	money    terms
	schedule schedule
	books    *book.Book
	rules    *rules.Current
	logger   *zap.Logger

	mu      sync.Mutex // held while the books, or the numbers of files, are changed
	spooled int        // the number of the last spool file
	kept    bool       // the names of the folders above Out are durable

	looked atomic.Int64 // files by HTTP that are looked through, at most maxAtOnce
	chunks atomic.Int64 // that spools have in memory
}

// NewDesk makes a desk for books whose log was read back.
func NewDesk(fs vfs.FS, o Options, books *book.Book, current *rules.Current, logger *zap.Logger) (*Desk, error) {
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	if o.ID == "" {
		o.ID = DefaultID
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	switch {
	case o.MaxBytes == 0 && o.Spool == "":
		o.MaxBytes = maxBytesInMemory
	case o.MaxBytes == 0:
		o.MaxBytes = DefaultMaxBytes
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("issuersim: clearing.%w", err)
	}
	money, err := newTerms(&o)
	if err != nil {
		return nil, fmt.Errorf("issuersim: clearing.%w", err)
	}
	windows, err := parseSchedule(o.Windows)
	if err != nil {
		return nil, fmt.Errorf("issuersim: clearing.%w", err)
	}
	return &Desk{fs: fs, o: o, money: money, schedule: windows, books: books, rules: current, logger: logger}, nil
}

func (o *Options) check() error {
	switch {
	case o.Mode != "" && o.Mode != "P" && o.Mode != "T":
		return fmt.Errorf("mode: %q: expected P or T, or nothing for both", o.Mode)
	case o.Poll < time.Millisecond || o.Patience < 0:
		return errors.New("poll, patience: expected a duration such as 2s")
	case len(o.ID) < 6 || len(o.ID) > processorDigits || !allDigits(o.ID):
		return fmt.Errorf("id: %q: expected 6 to %d digits", o.ID, processorDigits)
	case len(o.Windows) > 0 && o.Out == "":
		return errors.New("windows: expected out beside them, the folder of the files that tell of windows")
	case o.Incoming != "" && (within(o.Out, o.Incoming) || within(o.Spool, o.Incoming)):
		return errors.New("incoming: expected a folder in which answers are not written")
	}
	for n, member := range o.Members {
		if member == "" || len(member) > processorDigits || !allDigits(member) {
			return fmt.Errorf("members: %q: expected a processor id of 1 to %d digits, in quotes", member, processorDigits)
		}
		o.Members[n] = padded(member)
	}
	return nil
}

// within tells whether a folder is another or lies below it.
func within(folder, other string) bool {
	if folder == "" {
		return false
	}
	folder, other = path.Clean(folder), path.Clean(other)
	return folder == other || other == "." && !path.IsAbs(folder) || strings.HasPrefix(folder, other+"/")
}

// padded is a processor id as PDS0105 has it.
func padded(id string) string { return strings.Repeat("0", processorDigits-len(id)) + id }

func allDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }
