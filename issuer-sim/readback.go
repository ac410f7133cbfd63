package issuersim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"go.uber.org/zap"

	"switchyard/internal/pan"
	"switchyard/internal/vfs"
)

// openLog reads the data folder back, applying each record again, and begins a file of its own.
func (i *issuer) openLog(o *Options, m *metrics) (err error) {
	fs, dir := o.FS, o.DataDir
	if err := makeDir(fs, dir); err != nil {
		return fmt.Errorf("issuersim: data folder: %w", err)
	}
	lock, err := fs.Lock(fs.PathJoin(dir, lockFile))
	if err != nil {
		return fmt.Errorf("issuersim: data folder %s is in use: %w", dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	l := &dataLog{sync: o.Sync, limit: i.limits.LogBytes, metrics: m, fatal: o.Fatal, lock: lock, spare: make([]byte, 0, minSpare)}
	l.wrote.L = &l.mu
	l.pending = make([]byte, frameHeader, minSpare)
	if l.keys, err = openKey(fs, dir, o.Entropy); err != nil {
		return err
	}
	files, err := logFiles(fs, dir)
	if err != nil {
		return err
	}
	r := reader{issuer: i, log: l, cards: cardsRead{log: l, numbers: map[uint32]digits{}}, logger: o.Logger}
	for n, name := range files {
		if err := r.file(fs, dir, name, n+1); err != nil {
			return err
		}
	}
	if r.frames > 0 {
		o.Logger.Info("data log read back", zap.Int("files", len(files)), zap.Uint32("frames", l.frame), zap.Uint64("messages", r.messages))
	}
	return l.begin(fs, dir, len(files)+1, i, o.Entropy)
}

// openKey reads the key file, or makes one.
func openKey(fs vfs.FS, dir string, entropy io.Reader) (*pan.Keyring, error) {
	name := fs.PathJoin(dir, keyFile)
	f, err := fs.Open(name)
	if err != nil {
		text, err := pan.GenerateKey(entropy)
		if err != nil {
			return nil, err
		}
		if err := writeFile(fs, dir, name, text); err != nil {
			return nil, fmt.Errorf("issuersim: key file: %w", err)
		}
		return pan.ParseKeyring(text)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("issuersim: key file: %w", err)
	}
	return pan.ParseKeyring(string(text))
}

const maxKeyFile = 64 << 10

func writeFile(fs vfs.FS, dir, name, text string) error {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), syncDir(fs, dir))
}

// makeDir makes a folder, for its owner only, with those above it, and syncs what they stand in.
func makeDir(fs vfs.FS, dir string) error {
	parent := fs.PathDir(dir)
	if _, err := fs.Stat(dir); err == nil {
		// Who made it may not have synced it. A folder of others above may not be ours to open, and was there before.
		_ = syncDir(fs, parent)
		return nil
	}
	if parent != dir {
		if err := makeDir(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(fs, parent)
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// logFiles are the log's files in their order. One that is missing is an error.
func logFiles(fs vfs.FS, dir string) ([]string, error) {
	all, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("issuersim: data folder: %w", err)
	}
	there := map[string]bool{}
	for _, name := range all {
		if strings.HasPrefix(name, logPrefix) {
			there[name] = true
		}
	}
	var files []string
	for n := 1; len(files) < len(there); n++ {
		name := logName(n)
		if !there[name] {
			return nil, fmt.Errorf("issuersim: data folder %s: %s is missing among %d log files", dir, name, len(there))
		}
		files = append(files, name)
	}
	return files, nil
}

func logName(n int) string { return fmt.Sprintf("%s%06d", logPrefix, n) }

// begin makes the file of this run, with its first frame: the header or the epoch.
func (l *dataLog) begin(fs vfs.FS, dir string, n int, i *issuer, entropy io.Reader) error {
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
			b = binary.AppendUvarint(b, i.seed)
			b = append(b, check[:]...)
		}
		b = append(b, recordEpoch)
		return append(b, l.epoch[:]...)
	})
	err = l.commit(position)
	if err == nil {
		err = errors.Join(l.file.Sync(), syncDir(fs, dir))
	}
	if err != nil {
		return errors.Join(err, l.file.Close())
	}
	i.log = l
	return nil
}

// reader reads log files back into an issuer that nobody else uses yet.
type reader struct {
	issuer   *issuer
	log      *dataLog
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
				return fmt.Errorf("issuersim: data log %s, offset %d: %s, though a good frame follows at offset %d: the file was damaged", name, offset, reason, at)
			}
			r.logger.Warn("data log: unfinished frame at the end left out: nothing in it was answered",
				zap.String("file", name), zap.Int64("offset", offset), zap.Int64("bytes", size-offset), zap.String("reason", reason))
			break
		}
		if number != r.log.frame+1 {
			return fmt.Errorf("issuersim: data log %s, offset %d: frame %d, expected %d: frames before it are missing", name, offset, number, r.log.frame+1)
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

// readFrame reads the frame at an offset. reason says why there is no good one.
func readFrame(f io.ReaderAt, offset, size int64) (payload []byte, number uint32, reason string, err error) {
	var header [frameHeader]byte
	if size-offset < frameHeader {
		return nil, 0, "fewer bytes than a frame's header", nil
	}
	if _, err := f.ReadAt(header[:], offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, "", err
	}
	length, number, ok := parseHeader(header[:])
	switch {
	case !ok:
		return nil, 0, "a header that does not match its checksum", nil
	case offset+frameHeader+length > size:
		return nil, 0, "fewer bytes than the frame's length", nil
	}
	payload = make([]byte, length)
	if _, err := f.ReadAt(payload, offset+frameHeader); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, "", err
	}
	if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(header[4:]) {
		return nil, 0, "a payload that does not match its checksum", nil
	}
	return payload, number, "", nil
}

func parseHeader(b []byte) (length int64, number uint32, ok bool) {
	ok = crc32.Checksum(b[:12], castagnoli) == binary.BigEndian.Uint32(b[12:])
	return int64(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[8:]), ok
}

// nextFrame looks for a good frame with a number above after, byte by byte; −1 if there is none.
func nextFrame(f io.ReaderAt, offset, size int64, after uint32) (int64, error) {
	const window = 1 << 20
	buf := make([]byte, window+frameHeader)
	for ; offset+frameHeader <= size; offset += window {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-offset)], offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for i := 0; i+frameHeader <= n && i < window; i++ {
			if _, number, ok := parseHeader(buf[i : i+frameHeader]); !ok || number <= after {
				continue
			}
			if _, _, reason, err := readFrame(f, offset+int64(i), size); err != nil || reason == "" {
				return offset + int64(i), err
			}
		}
	}
	return -1, nil
}

// payload applies the records of a frame again.
func (r *reader) payload(b []byte, first bool) error {
	in := records{b: b}
	var q request
	var out outcome
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
				q.amount = int64(asked)
			}
			if in.err != nil {
				return in.err
			}
			s := r.issuer.shardOf(q.card)
			r.issuer.sign(&q, &out)
			s.apply(&q, &out, at, s.find(q.moment, &q.rrn, q.card, at))
			s.name(q.card, card)
			r.messages++
		case recordChange:
			number, card := r.cards.read(&in)
			change := cardChange{status: CardStatus(in.byte()), limit: int64(in.uvarint()) - 1, currency: uint16(in.uvarint()), balance: in.varint()}
			if in.err != nil {
				return in.err
			}
			s := r.issuer.shardOf(number)
			s.change(number, change)
			s.name(number, card)
		case recordFileBegin:
			r.clearing, _ = r.issuer.files.number(in.id())
		case recordPresentment:
			p, card := in.presentment(&r.cards)
			if in.err != nil {
				return in.err
			}
			s := r.issuer.shardOf(p.card)
			s.settle(&p, r.clearing)
			s.name(p.card, card)
		case recordFileEnd:
			file, _ := r.issuer.files.number(in.id())
			r.issuer.files.take(file)
		default:
			in.fail()
		}
		if in.err != nil {
			return in.err
		}
	}
	return nil
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
	case seed != r.issuer.seed:
		return fmt.Errorf("the folder was made with seed %d, expected %d as given", seed, r.issuer.seed)
	}
	return r.log.keys.CheckAgainst(check[:])
}

// name gives a card that is kept the id under which the log knows it.
func (s *shard) name(number digits, id uint32) {
	if c := s.lookup(number); c != nil && c.id == 0 {
		c.id = id
	}
}
