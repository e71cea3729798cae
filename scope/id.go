package scope

import (
	"crypto/rand"
	"database/sql/driver"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// ID is a UUID (RFC 9562) that has one spelling: 36 lower-case characters. Every
// other spelling, and the nil UUID, fails to parse from a path, a query, a form,
// JSON or a database. The zero ID is written to the database as NULL, so that it
// never matches a row. A UUIDv7 tells when it was made; an id is a name and no
// permission.
type ID [16]byte

var errID = errors.New("scope: malformed id")

// NewID returns a new UUIDv7 (RFC 9562 section 5.7, method 3 of 6.2: ids made
// more than 250 ns apart sort in the order they were made). It is safe for
// concurrent use.
func NewID() ID {
	var id ID
	_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	now := time.Now()
	ms := uint64(now.UnixMilli())
	fraction := uint64(now.Nanosecond()%1e6) << 12 / 1e6 // 1/4096 ms
	binary.BigEndian.PutUint64(id[:8], ms<<16|0x7000|fraction)
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Random returns a new UUIDv4 (RFC 9562 section 5.4), which does not tell when
// it was made. The receiver is not used: write ID{}.Random().
func (ID) Random() ID {
	var id ID
	_, _ = rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// ULID returns the same 128 bits as a ULID.
func (id ID) ULID() ULID { return ULID(id) }

// IsZero reports whether id is the zero ID, which names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the canonical spelling.
func (id ID) String() string {
	var b [36]byte
	id.encode(&b)
	return string(b[:])
}

func (id ID) encode(b *[36]byte) {
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
}

// MarshalText returns the canonical spelling.
func (id ID) MarshalText() ([]byte, error) {
	var b [36]byte
	id.encode(&b)
	return b[:], nil
}

// UnmarshalText parses the canonical spelling and nothing else.
func (id *ID) UnmarshalText(text []byte) error { return id.parse(string(text)) }

// UnmarshalParam parses a path, query or form parameter for gin's binding.
func (id *ID) UnmarshalParam(param string) error { return id.parse(param) }

func (id *ID) parse(s string) error {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return errID
	}
	var out ID
	n := 0
	for i := 0; i < 36; i += 2 {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			i++
		}
		hi, lo := nibble(s[i]), nibble(s[i+1])
		if hi > 15 || lo > 15 {
			return errID
		}
		out[n] = hi<<4 | lo
		n++
	}
	if out.IsZero() {
		return errID
	}
	*id = out
	return nil
}

// nibble returns the value of a lower-case hexadecimal digit, or 255.
func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	default:
		return 255
	}
}

// Value returns the canonical spelling, or NULL for the zero ID.
func (id ID) Value() (driver.Value, error) {
	if id.IsZero() {
		return nil, nil //nolint:nilnil // NULL
	}
	return id.String(), nil
}

// Scan reads the canonical spelling, 16 raw bytes, or NULL as the zero ID.
func (id *ID) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*id = ID{}
		return nil
	case string:
		return id.parse(v)
	case []byte:
		if len(v) == 16 {
			copy(id[:], v)
			return nil
		}
		return id.parse(string(v))
	case [16]byte:
		*id = v
		return nil
	default:
		return errID
	}
}

// GormDataType names the column type to gorm.
func (ID) GormDataType() string { return "uuid" }

// GormDBDataType returns uuid on PostgreSQL and char(36) elsewhere.
func (ID) GormDBDataType(db *gorm.DB, _ *schema.Field) string {
	if db.Name() == "postgres" {
		return "uuid"
	}
	return "char(36)"
}
