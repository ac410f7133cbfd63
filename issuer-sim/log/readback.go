package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"go.uber.org/zap"

	"switchyard/internal/vfs"
	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
)

// Options say where a log is and how it is written.
type Options struct {
	FS      vfs.FS
	Dir     string
	Entropy io.Reader         // makes the key where there is none yet
	Sync    bool              // after each write
	Limit   int64             // bytes of all files
	Wrote   func(bytes int64) // called after each write
	Fatal   func(error)       // called once when the log cannot be written any more; may be nil
	Logger  *zap.Logger
}

// Open reads a data folder back into books that nobody else uses yet, applying each record again, and begins a file
// of its own.
func Open(o *Options, i *book.Book) (l *Log, err error) {
	fs, dir := o.FS, o.Dir
	if err := makeDir(fs, dir); err != nil {
		return nil, fmt.Errorf("issuersim: data folder: %w", err)
	}
	lock, err := fs.Lock(fs.PathJoin(dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("issuersim: data folder %s is in use: %w", dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	l = &Log{
		sync: o.Sync, limit: o.Limit, wrote: o.Wrote, fatal: o.Fatal, lock: lock,
		spare: make([]byte, 0, minSpare), pending: make([]byte, frameHeader, minSpare),
	}
	l.turn.L = &l.mu
	if l.keys, err = openKey(fs, dir, o.Entropy); err != nil {
		return nil, err
	}
	files, err := logFiles(fs, dir)
	if err != nil {
		return nil, err
	}
	r := reader{books: i, log: l, cards: cardsRead{log: l, numbers: map[uint32]message.Digits{}}, logger: o.Logger}
	for n, name := range files {
		if err := r.file(fs, dir, name, n+1); err != nil {
			return nil, err
		}
	}
	if r.frames > 0 {
		o.Logger.Info("data log read back", zap.Int("files", len(files)), zap.Uint32("frames", l.frame),
			zap.Uint64("messages", r.messages))
	}
	if err := l.begin(fs, dir, len(files)+1, i.Seed(), o.Entropy); err != nil {
		return nil, err
	}
	return l, nil
}

// begin makes the file of this run, with its first frame: the header or the epoch.
func (l *Log) begin(fs vfs.FS, dir string, n int, seed uint64, entropy io.Reader) error {
	if n > maxLogFiles {
		return fmt.Errorf("issuersim: data folder %s: more than %d log files", dir, maxLogFiles)
	}
	if _, err := io.ReadFull(entropy, l.epoch[:]); err != nil {
		return fmt.Errorf("issuersim: no randomness: %w", err)
	}
	var err error
	if l.file, err = fs.Create(fs.PathJoin(dir, logName(n)), vfs.WriteCategoryUnspecified); err != nil {
		return fmt.Errorf("issuersim: data log: %w", err)
	}
	position := l.add(func(b []byte) []byte {
		if n == 1 {
			check := l.keys.Check()
			b = append(b, recordHeader, logVersion)
			b = binary.AppendUvarint(b, seed)
			b = append(b, check[:]...)
		}
		b = append(b, recordEpoch)
		return append(b, l.epoch[:]...)
	})
	err = l.Commit(position)
	if err == nil {
		err = errors.Join(l.file.Sync(), syncDir(fs, dir))
	}
	if err != nil {
		return errors.Join(err, l.file.Close())
	}
	return nil
}

// reader reads log files back into an issuer that nobody else uses yet.
type reader struct {
	books    *book.Book
	log      *Log
	cards    cardsRead
	logger   *zap.Logger
	frames   int
	messages uint64
	clearing uint32 // the file that the presentments are of
}

// file reads one file.
func (r *reader) file(fs vfs.FS, dir, name string, n int) error {
	f, err := fs.Open(fs.PathJoin(dir, name))
	if err != nil {
		return fmt.Errorf("issuersim: data log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("issuersim: data log %s: %w", name, err)
	}
	size := info.Size()
	offset := int64(0)
	for offset < size {
		payload, number, reason, err := readFrame(f, offset, size)
		if err != nil {
			return fmt.Errorf("issuersim: data log %s, offset %d: %w", name, offset, err)
		}
		if reason != "" {
			// What a crash left unfinished is at the end; a good frame behind it means that the file was damaged.
			at, err := nextFrame(f, offset+1, size, r.log.frame)
			if err != nil {
				return fmt.Errorf("issuersim: data log %s, offset %d: %w", name, offset, err)
			}
			if at >= 0 {
				return fmt.Errorf("issuersim: data log %s, offset %d: %s, though a good frame follows at offset %d: "+
					"the file was damaged", name, offset, reason, at)
			}
			r.logger.Warn("data log: unfinished frame at the end left out: nothing in it was answered",
				zap.String("file", name), zap.Int64("offset", offset), zap.Int64("bytes", size-offset),
				zap.String("reason", reason))
			break
		}
		if number != r.log.frame+1 {
			return fmt.Errorf("issuersim: data log %s, offset %d: frame %d, expected %d: frames before it are missing",
				name, offset, number, r.log.frame+1)
		}
		if err := r.payload(payload, n == 1 && offset == 0); err != nil {
			return fmt.Errorf("issuersim: data log %s, frame at offset %d: %w", name, offset, err)
		}
		r.log.frame = number
		r.frames++
		offset += frameHeader + int64(len(payload))
	}
	r.log.bytes += offset
	return nil
}

// payload applies the records of a frame again.
func (r *reader) payload(b []byte, first bool) error {
	in := records{b: b}
	var q message.Request
	var out book.Outcome
	for len(in.b) > 0 {
		kind := in.byte()
		if first != (kind == recordHeader) {
			return errors.New("expected the header in the first place of all, and only there")
		}
		first = false
		switch kind {
		case recordHeader:
			if err := r.header(&in); err != nil {
				return err
			}
		case recordEpoch:
			in.bytes(r.log.epoch[:])
		case recordMessage, recordPartial:
			var asked uint64 // a log of earlier days does not say it of an approval in part
			if kind == recordPartial {
				asked = in.uvarint()
			}
			at, card := in.message(&r.cards, &q, &out)
			if kind == recordPartial {
				q.Amount = int64(asked)
			}
			if in.err != nil {
				return in.err
			}
			r.books.ReplayMessage(&q, &out, at, card)
			r.messages++
		case recordChange:
			number, card := r.cards.read(&in)
			change := book.Change{
				Status: book.CardStatus(in.byte()), Limit: int64(in.uvarint()) - 1,
				Currency: uint16(in.uvarint()), Balance: in.varint(),
			}
			if in.err != nil {
				return in.err
			}
			r.books.ReplayChange(number, change, card)
		case recordFileBegin:
			r.clearing = r.books.ReplayFileBegins(in.string(int(in.byte())), "")
		case recordFileBegun:
			name := in.string(int(in.byte()))
			r.clearing = r.books.ReplayFileBegins(name, in.string(int(in.byte())))
		case recordPresentment, recordPresented:
			p, card := in.presentment(&r.cards, kind == recordPresented)
			if in.err != nil {
				return in.err
			}
			r.books.ReplayPresentment(&p, r.clearing, card)
		default:
			if err := r.system(kind, &in); err != nil {
				return err
			}
		}
		if in.err != nil {
			return in.err
		}
	}
	return nil
}

// system applies a record of what the clearing system does beside settling.
func (r *reader) system(kind byte, in *records) error {
	switch kind {
	case recordFileEnd:
		if id := in.string(int(in.byte())); in.err == nil {
			r.books.ReplayTaken(&book.Taken{File: id})
		}
	case recordTaken:
		if t := in.taken(); in.err == nil {
			r.books.ReplayTaken(&t)
		}
	case recordChargeBack, recordChargedBack:
		c, card := in.chargeBack(&r.cards, kind == recordChargedBack)
		if in.err != nil {
			return in.err
		}
		return r.books.ReplayChargeBack(&c, card)
	case recordRetrieval:
		var arn message.ARN
		in.bytes(arn[:])
		if reason := in.uvarint(); in.err == nil {
			r.books.ReplayRetrieval(arn, uint16(reason))
		}
	case recordFee:
		if f := in.fee(); in.err == nil {
			r.books.ReplayFee(&f)
		}
	case recordClosed, recordEnded:
		if c := in.closed(kind == recordEnded); in.err == nil {
			r.books.ReplayClosed(&c)
		}
	default:
		in.fail()
	}
	return in.err
}

func (r *reader) header(in *records) error {
	version, seed := in.byte(), in.uvarint()
	var check [16]byte
	in.bytes(check[:])
	switch {
	case in.err != nil:
		return in.err
	case version != logVersion:
		return fmt.Errorf("version %d, expected %d", version, logVersion)
	case seed != r.books.Seed():
		return fmt.Errorf("the folder was made with seed %d, expected %d as given", seed, r.books.Seed())
	}
	return r.log.keys.CheckAgainst(check[:])
}
