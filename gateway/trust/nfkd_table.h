/* nfkd_table.h - what nfkd.py makes of Unicode's character database; both tables are in the order of their points. */
#ifndef HOOKGATE_TRUST_NFKD_TABLE_H
#define HOOKGATE_TRUST_NFKD_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* What a point is taken apart into, as far as it goes: `count` of the points from `first` on. */
struct trust_nfkd_row {
	uint32_t point;
	uint16_t first, count;
};

/* Its canonical combining class, where that is not 0. */
struct trust_nfkd_class {
	uint32_t point;
	uint8_t value;
};

extern const struct trust_nfkd_row trust_nfkd_rows[];
extern const size_t trust_nfkd_row_count;
extern const uint32_t trust_nfkd_points[];
extern const struct trust_nfkd_class trust_nfkd_classes[];
extern const size_t trust_nfkd_class_count;

#endif
