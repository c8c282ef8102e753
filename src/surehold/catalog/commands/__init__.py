"""Everything that changes the catalog. One module per group of verbs."""

from surehold.catalog.commands.add import add_category, add_product, add_products, add_vendor
from surehold.catalog.commands.bring_in import import_products
from surehold.catalog.commands.change import change_products, change_tax_class

__all__ = [
    "add_category",
    "add_product",
    "add_products",
    "add_vendor",
    "change_products",
    "change_tax_class",
    "import_products",
]
